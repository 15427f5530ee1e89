using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Platform.Jobs;

/// <summary>Queues the jobs of lost workers again and deletes old jobs.</summary>
internal sealed partial class JobSweep(
    NpgsqlDataSource source, IOptions<JobOptions> options, CarawayMetrics metrics, TimeProvider time, ILogger<JobSweep> logger)
    : BackgroundLoop(time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(1);

    protected override bool IsEnabled => options.Value.Enabled;

    protected override async Task<TimeSpan> RunRound(CancellationToken stopping)
    {
        await using var database = new Database(source);
        var now = Time.GetUtcNow().UtcDateTime;
        var returned = await JobQueue.ReturnLost(now, database, stopping);
        if (returned > 0)
        {
            metrics.JobsReturned(returned);
            LogReturned(returned);
        }

        await JobQueue.Clean(now.AddDays(-options.Value.KeepDays), database, stopping);
        return Pause;
    }

    protected override TimeSpan OnFailure(Exception exception)
    {
        LogFailed(exception);
        return PauseAfterFailure;
    }

    [LoggerMessage(40, LogLevel.Warning, "{Count} jobs of lost workers are queued again.")]
    private partial void LogReturned(int count);

    [LoggerMessage(43, LogLevel.Warning, "The sweep of lost and old jobs failed; it is repeated in a second.")]
    private partial void LogFailed(Exception exception);
}
