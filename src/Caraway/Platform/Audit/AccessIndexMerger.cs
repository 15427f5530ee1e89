using Caraway.Platform.Hosting;

namespace Caraway.Platform.Audit;

/// <summary>Merges new entries into the access log's indexes outside the writes, so that a write does not wait for it.</summary>
internal sealed partial class AccessIndexMerger(AccessTables tables, TimeProvider time, ILogger<AccessIndexMerger> logger)
    : BackgroundLoop(time)
{
    /// <summary>The pause after a merge is this many times the merge: at most a tenth of a connection, also under load.</summary>
    private const int PauseFactor = 9;

    private static readonly TimeSpan MinPause = TimeSpan.FromSeconds(2);

    private volatile bool hasUnmerged;

    /// <summary>Asks for a merge after a batch was written.</summary>
    public void Request() => hasUnmerged = true;

    protected override async Task<TimeSpan> RunRound(CancellationToken stopping)
    {
        if (!hasUnmerged)
            return MinPause;
        hasUnmerged = false;
        var began = Time.GetTimestamp();
        await tables.MergeIndexes(stopping);
        var pause = Time.GetElapsedTime(began) * PauseFactor;
        return pause > MinPause ? pause : MinPause;
    }

    protected override TimeSpan OnFailure(Exception exception)
    {
        hasUnmerged = true;
        LogFailed(exception);
        return MinPause;
    }

    [LoggerMessage(93, LogLevel.Warning, "The access log's indexes could not be merged. Searches are slower until the next merge.")]
    private partial void LogFailed(Exception exception);
}
