using Caraway.Platform.Hosting;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Platform.Audit;

/// <summary>
/// Writes the accesses of <see cref="AccessLog"/> in batches. Each batch raises one event with its digest, so the chain protects the access
/// records too.
/// </summary>
internal sealed partial class AccessLogWriter(
    AccessLog accesses, AccessTables tables, AccessIndexMerger merger, IOptions<AccessLogOptions> options, TimeProvider time,
    ILogger<AccessLogWriter> logger)
    : BackgroundLoop(time)
{
    private const int MaxBatch = 2_000;

    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromMilliseconds(500);

    /// <summary>Time for the last writes at a stop, in addition to the host's own time for a stop.</summary>
    private static readonly TimeSpan LastWrites = TimeSpan.FromSeconds(5);

    private readonly List<Access> batch = new(256);
    private long? batchNumber;
    private volatile bool isStopping;

    private int UnwrittenCount => batch.Count + accesses.Waiting.Count;

    /// <summary>Writes one batch of the waiting accesses.</summary>
    /// <returns>The number of accesses written.</returns>
    public async Task<int> WriteOnce(CancellationToken cancel)
    {
        // After a failure, the same batch with the same number: if the failed write was committed, the records' ids are taken.
        while (batchNumber is null && batch.Count < MaxBatch && accesses.Waiting.TryRead(out var access))
            batch.Add(access);
        if (batch.Count == 0)
            return 0;
        batchNumber ??= await tables.DrawNumber(cancel);
        var digest = AccessBatch.Digest(batch.Select(access => access.ToRecord()));
        try
        {
            await tables.Insert(batchNumber.Value, batch, digest, Time.GetUtcNow().UtcDateTime);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            // The digest decides: callers choose the request ids, so two batches can have the same ones.
            if (!await tables.Contains(batchNumber.Value, digest, cancel))
            {
                // The number belongs to another batch: the sequence is behind the table, for example after a partial restore.
                batchNumber = await tables.DrawNumber(cancel);
                throw;
            }

            LogFoundWritten(batchNumber.Value);
        }

        var count = batch.Count;
        batch.Clear();
        batchNumber = null;
        merger.Request();
        accesses.BatchWritten(count);
        return count;
    }

    /// <summary>Writes the last accesses. The server has stopped before, so no access is added any more.</summary>
    /// <param name="cancellationToken">
    /// Not used: a slow request may have used up the host's time, and its access must still be written.
    /// </param>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        isStopping = true;
        using var patience = new CancellationTokenSource(LastWrites, Time);
        await base.StopAsync(patience.Token);
        // The round that is still running has the batch.
        if (ExecuteTask is { IsCompleted: false })
        {
            if (UnwrittenCount is > 0 and var lost)
                LogLost(new TimeoutException(), lost);
            return;
        }

        try
        {
            while (await WriteOnce(patience.Token) > 0)
            {
            }
        }
        catch (Exception e) when (e is NpgsqlException or OperationCanceledException)
        {
            LogLost(e, UnwrittenCount);
        }
    }

    protected override async Task<TimeSpan> RunRound(CancellationToken stopping)
    {
        // A batch that failed is written again without waiting for another access.
        if (batch.Count == 0)
            await accesses.Waiting.WaitToReadAsync(stopping);
        await Task.Delay(TimeSpan.FromMilliseconds(options.Value.DelayMilliseconds), Time, stopping);
        while (await WriteOnce(stopping) == MaxBatch)
        {
        }

        return TimeSpan.Zero;
    }

    protected override TimeSpan OnFailure(Exception exception)
    {
        // At a stop, the last writes follow and log their own failure.
        if (!isStopping)
            LogNotWritten(exception, UnwrittenCount);
        return PauseAfterFailure;
    }

    [LoggerMessage(90, LogLevel.Error,
        "{Count} access records could not be written. They are kept and written later. Reads are refused when the buffer is full.")]
    private partial void LogNotWritten(Exception exception, int count);

    [LoggerMessage(91, LogLevel.Critical, "{Count} access records could not be written before the stop and are lost.")]
    private partial void LogLost(Exception exception, int count);

    [LoggerMessage(92, LogLevel.Information, "Batch {Batch} of access records was written, although the database's answer was lost.")]
    private partial void LogFoundWritten(long batch);
}
