using System.ComponentModel.DataAnnotations;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Dapper;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Platform.Telemetry;

/// <summary>A gauge whose values come from the database. Each module registers its own.</summary>
internal sealed record DatabaseGauge
{
    /// <summary>The name in OpenTelemetry's form: <c>caraway.cases</c>.</summary>
    public required string Name { get; init; }

    public required string Description { get; init; }

    /// <summary>The unit in UCUM's form: <c>s</c>, <c>{case}</c>.</summary>
    public required string Unit { get; init; }

    public required string[] Labels { get; init; }

    /// <summary>Selects <c>labels text[]</c> and <c>value double precision</c>; may use <c>@now</c> and <see cref="Values"/>.</summary>
    public required string Sql { get; init; }

    public object? Values { get; init; }
}

/// <summary>The value of one series of a gauge.</summary>
internal sealed record GaugeReading
{
    public string[] Labels { get; init; } = [];

    public double Value { get; init; }
}

/// <summary>Settings of <c>/metrics</c> (section <c>Metrics</c>).</summary>
internal sealed class MetricsOptions
{
    /// <summary><c>METRICS_NEED_KEY</c>: whether <c>/metrics</c> needs a credential with <c>metrics:read</c>.</summary>
    public bool NeedKey { get; set; }

    /// <summary>How long an answer of <c>/metrics</c> is given again, so that many readers cost as much as one.</summary>
    [Range(0, 60_000)]
    public int CacheMilliseconds { get; set; } = 1_000;

    /// <summary>Least number of seconds between two readings of the gauges from the database.</summary>
    [Range(1, 3600)]
    public int RefreshSeconds { get; set; } = 15;
}

/// <summary>
/// Reads the gauges from the database on a timer, independently of the scrapes. Counting rows takes longer as tables grow, so the pause
/// after a round is at least a hundred times as long as the round: the readings use at most 1 % of a connection.
/// </summary>
internal sealed partial class DatabaseGauges(
    IEnumerable<DatabaseGauge> gauges, CarawayMetrics metrics, NpgsqlDataSource source, IOptions<MetricsOptions> options,
    TimeProvider time, ILogger<DatabaseGauges> logger)
    : BackgroundLoop(time)
{
    private const int PauseFactor = 100;

    /// <summary>Reads all gauges once.</summary>
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
        return Max(AtLeast, Time.GetElapsedTime(began) * PauseFactor);
    }

    /// <summary>The last values stay, and <c>caraway_gauges_age_seconds</c> shows their age.</summary>
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
