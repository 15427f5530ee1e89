using System.ComponentModel.DataAnnotations;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Platform.Telemetry;

/// <summary>A number that only the database knows, by labels. Modules register theirs.</summary>
internal sealed record DatabaseGauge
{
    /// <summary>As OpenTelemetry writes names: <c>caraway.cases</c>.</summary>
    public required string Name { get; init; }

    public required string Description { get; init; }

    /// <summary>UCUM's: <c>s</c>, <c>{case}</c>.</summary>
    public required string Unit { get; init; }

    public required string[] Labels { get; init; }

    /// <summary>Selects <c>labels text[]</c> and <c>value double precision</c>; may use <c>@now</c> beside <see cref="Values"/>.</summary>
    public required string Sql { get; init; }

    public object? Values { get; init; }
}

/// <summary>One series of a gauge.</summary>
internal sealed record GaugeReading
{
    public string[] Labels { get; init; } = [];

    public double Value { get; init; }
}

/// <summary>What <c>/metrics</c> does (section <c>Metrics</c>).</summary>
internal sealed class MetricsOptions
{
    /// <summary><c>METRICS_NEED_KEY</c>: whether <c>/metrics</c> asks for a credential with <c>metrics:read</c>.</summary>
    public bool NeedKey { get; set; }

    /// <summary>How often the database's gauges are read, at the most, in seconds.</summary>
    [Range(1, 3600)]
    public int RefreshSeconds { get; set; } = 15;
}

/// <summary>
/// Reads the database's gauges on a timer, whoever scrapes and however often. Counting rows costs more as tables grow: after a round the
/// next one waits at least a hundred times as long as the round took, so that it never takes more than 1 % of a connection.
/// </summary>
internal sealed partial class DatabaseGauges(
    IEnumerable<DatabaseGauge> gauges, CarawayMetrics metrics, NpgsqlDataSource source, IOptions<MetricsOptions> options, TimeProvider time, ILogger<DatabaseGauges> logger)
    : BackgroundLoop(time)
{
    private const int Restraint = 100;

    /// <summary>Reads all of them once.</summary>
    public async Task ReadOnce(CancellationToken cancel)
    {
        await using var database = new Database(source);
        foreach (var gauge in gauges)
        {
            var values = new DynamicParameters(gauge.Values);
            values.Add("now", Time.GetUtcNow().UtcDateTime);
            metrics.GaugeRead(gauge.Name, await database.List<GaugeReading>(gauge.Sql, values, cancel));
        }

        metrics.GaugesRead();
    }

    protected override async Task<TimeSpan> RunRound(CancellationToken stopping)
    {
        var began = Time.GetTimestamp();
        await ReadOnce(stopping);
        return Max(AtLeast, Time.GetElapsedTime(began) * Restraint);
    }

    /// <summary>The last values stay, and <c>caraway_gauges_age_seconds</c> says how old they are.</summary>
    protected override TimeSpan OnFailure(Exception exception)
    {
        LogNotRead(exception);
        return AtLeast;
    }

    private TimeSpan AtLeast => TimeSpan.FromSeconds(options.Value.RefreshSeconds);

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;

    [LoggerMessage(60, LogLevel.Warning, "The gauges of /metrics could not be read from the database.")]
    private partial void LogNotRead(Exception exception);
}
