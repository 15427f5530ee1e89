using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Npgsql;

namespace Caraway.Support.Files;

/// <summary>Removes imports after <see cref="ImportTable.Kept"/>, and the rows of files whose receiving process was lost.</summary>
internal sealed partial class ImportCleanup(NpgsqlDataSource source, TimeProvider time, ILogger<ImportCleanup> logger)
    : BackgroundLoop(time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(10);

    /// <returns>The number of removed imports.</returns>
    public async Task<int> RunOnce(CancellationToken cancel)
    {
        await using var database = new Database(source);
        var total = 0;
        while (await ImportTable.Clean(Time.GetUtcNow().UtcDateTime, database, cancel) is > 0 and var removed)
            total += removed;
        return total;
    }

    protected override async Task<TimeSpan> RunRound(CancellationToken stopping)
    {
        await RunOnce(stopping);
        return Pause;
    }

    protected override TimeSpan OnFailure(Exception exception)
    {
        LogPostponed(exception);
        return Pause;
    }

    [LoggerMessage(111, LogLevel.Error, "Old imports could not be removed. The next run tries again.")]
    private partial void LogPostponed(Exception exception);
}
