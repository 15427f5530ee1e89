using System.Threading.Channels;
using Caraway.Platform.Http;
using Caraway.Platform.Security;
using Caraway.Platform.Telemetry;
using Microsoft.Extensions.Options;

namespace Caraway.Platform.Audit;

/// <summary>
/// Records who reads which patients' records, when and why. A handler adds the access before it answers; <see cref="AccessLogWriter"/>
/// writes accesses in batches. If an access cannot be recorded, the read is refused.
/// </summary>
internal sealed class AccessLog(IOptions<AccessLogOptions> options, CarawayMetrics metrics, TimeProvider time)
{
    /// <summary>The name of the event that a batch raises.</summary>
    public const string Recorded = "access.recorded";

    /// <summary>The longest time for which a read waits for room in the buffer.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromMilliseconds(500);

    private readonly Channel<Access> waiting = Channel.CreateBounded<Access>(
        new BoundedChannelOptions(options.Value.Capacity) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    private TaskCompletionSource written = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The accesses that wait to be written; one reader only.</summary>
    public ChannelReader<Access> Waiting => waiting.Reader;

    /// <summary>Whether reads need not wait: at most half of the buffer is in use.</summary>
    public bool HasRoom => waiting.Reader.Count <= options.Value.Capacity / 2;

    /// <summary>Records that the caller is about to see these records. An empty list is not an access.</summary>
    /// <returns>The refusal to answer with instead, when the access cannot be recorded.</returns>
    public Refusal? Add(Caller caller, AccessedRecords records)
    {
        if (records.Ids.Length == 0)
            return null;
        string? reason = null;
        if (caller.AccessReason is { } header && !AccessReason.TryRead(header, out reason))
            return BadReason;
        var now = time.GetUtcNow().UtcDateTime;
        if (waiting.Writer.TryWrite(new Access(now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)), caller, reason, records)))
            return null;
        return Refuse();
    }

    /// <summary>
    /// Checks, before a change that shows its result is written, whether the access can be recorded. The last tenth of the buffer is
    /// reserved for changes that have passed this check.
    /// </summary>
    /// <returns>The refusal to answer with instead, or null.</returns>
    public Refusal? Check(Caller caller)
    {
        if (caller.AccessReason is { } header && !AccessReason.TryRead(header, out _))
            return BadReason;
        var capacity = options.Value.Capacity;
        return waiting.Reader.Count < capacity - capacity / 10 ? null : Refuse();
    }

    /// <summary>
    /// Waits until the buffer has room, at most <see cref="MaxWait"/>. When more reads arrive than the database can record, all callers
    /// slow down together; reads are refused only when the database records almost nothing.
    /// </summary>
    public async Task WaitForRoom(CancellationToken cancel)
    {
        var began = time.GetTimestamp();
        for (var next = Volatile.Read(ref written); !HasRoom && !cancel.IsCancellationRequested; next = Volatile.Read(ref written))
        {
            var left = MaxWait - time.GetElapsedTime(began);
            if (left <= TimeSpan.Zero)
                return;
            await next.Task.WaitAsync(left, time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Wakes the reads that wait for room.</summary>
    public void BatchWritten(int count)
    {
        metrics.AccessesRecorded(count);
        Interlocked.Exchange(ref written, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
    }

    private static Refusal BadReason { get; } = Refusal.InvalidHeader(
        "X-Access-Reason", $"The reason must have at most {AccessReason.MaxLength} characters and no control characters.");

    private Refusal Refuse()
    {
        metrics.AccessRefused();
        return Refusal.Busy("This read cannot be recorded now, so it is refused. Try again in a moment.");
    }
}
