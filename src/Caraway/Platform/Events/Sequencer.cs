using System.Globalization;
using System.Security.Cryptography;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Platform.Events;

/// <summary>
/// Gives committed events their positions and adds them to the chain. One process at a time does this, under a lease with a fencing
/// number: a process that lost its lease finds that its batch was not written.
/// </summary>
internal sealed partial class Sequencer(
    NpgsqlDataSource source, IOptions<EventOptions> options, TimeProvider time, ILogger<Sequencer> logger)
    : BackgroundLoop(time)
{
    private static readonly TimeSpan PauseWithoutLease = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(1);

    private readonly string holder = string.Create(
        CultureInfo.InvariantCulture,
        $"{Environment.MachineName}:{Environment.ProcessId}:{RandomNumberGenerator.GetHexString(8, lowercase: true)}");

    private readonly SemaphoreSlim turn = new(1);
    private State? state;
    private bool hasHeldLease;

    /// <summary>
    /// Ids up to <paramref name="Id"/> are final once every transaction below <paramref name="Xid"/> has ended: the id was read before the
    /// number was drawn, and a transaction draws an id only after its number.
    /// </summary>
    private sealed record Mark(long Id, long Xid);

    private sealed class State(SequencerTable.Held held)
    {
        public long Fence { get; } = held.Fence;

        public long Position { get; set; } = held.Position;

        public byte[] Hash { get; set; } = held.Hash;

        public long FinalId { get; set; } = held.FinalId;

        public long LeaseTakenAt { get; set; }

        public Mark? Mark { get; set; }
    }

    /// <summary>The result of a round.</summary>
    internal enum Round
    {
        /// <summary>Another process has the lease.</summary>
        NotMine,

        /// <summary>No waiting event could get its position now.</summary>
        Idle,

        Sequenced,

        /// <summary>The round reached the size of a batch; more events may wait.</summary>
        Full,
    }

    private double LeaseSeconds => options.Value.LeaseSeconds;

    /// <summary>Takes or renews the lease, and gives a batch of events their positions.</summary>
    public async Task<Round> RunOnce(CancellationToken cancel)
    {
        await turn.WaitAsync(cancel);
        try
        {
            await using var database = new Database(source);
            state ??= await TakeLease(database, cancel);
            if (state is null)
                return Round.NotMine;
            try
            {
                return await Sequence(state, database, cancel);
            }
            catch
            {
                // The batch may have been written or not: the next round reads the row again.
                state = null;
                throw;
            }
        }
        finally
        {
            turn.Release();
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (!hasHeldLease)
            return;
        state = null;
        try
        {
            await using var database = new Database(source);
            await SequencerTable.ReleaseLease(holder, database, CancellationToken.None);
        }
        catch (NpgsqlException e)
        {
            LogNotReleased(e);
        }
    }

    protected override bool IsEnabled => options.Value.Enabled;

    protected override async Task<TimeSpan> RunRound(CancellationToken stopping)
    {
        var round = await RunOnce(stopping);
        if (round == Round.NotMine)
            return PauseWithoutLease;
        if (round is Round.Sequenced or Round.Full)
            EventSignal.Sequenced.Raise();
        else
            await EventSignal.Written.Wait(TimeSpan.FromMilliseconds(options.Value.PollMilliseconds), stopping);
        return round == Round.Full ? TimeSpan.Zero : TimeSpan.FromMilliseconds(options.Value.PaceMilliseconds);
    }

    protected override TimeSpan OnFailure(Exception exception)
    {
        LogFailed(exception);
        return PauseAfterFailure;
    }

    private async Task<State?> TakeLease(Database database, CancellationToken cancel)
    {
        var at = Time.GetTimestamp();
        if (await SequencerTable.TakeLease(holder, LeaseSeconds, database, cancel) is not { } held)
            return null;
        hasHeldLease = true;
        LogTaken(held.Fence, held.Position);
        if (held.Cluster != held.ThisCluster)
            await SequencerTable.Adopt(held, database, cancel);
        return new State(held) { LeaseTakenAt = at };
    }

    private async Task<Round> Sequence(State now, Database database, CancellationToken cancel)
    {
        var batch = options.Value.Batch;
        var began = Time.GetTimestamp();
        var seen = await SequencerTable.ReadSnapshot(database, cancel);
        var waiting = await SequencerTable.ListWaiting(now.FinalId, batch, database, cancel);
        var ready = SequencingRules.SelectReady(waiting);
        var isSettled = now.Mark is { } mark && seen.OldestXid >= mark.Xid;
        var finalId = isSettled
            ? Math.Max(now.FinalId, SequencingRules.FindFinalId(now.Mark!.Id, waiting, ready, isComplete: waiting.Count < batch))
            : now.FinalId;
        var needsMark = now.Mark is null || isSettled;
        var mustRenew = Time.GetElapsedTime(now.LeaseTakenAt, began) >= TimeSpan.FromSeconds(LeaseSeconds) / 3;
        if (ready.Count == 0 && finalId == now.FinalId && !(needsMark && seen.LastId > finalId) && !mustRenew)
            return Round.Idle;

        var entries = Chained(now, ready);
        var lease = new SequencerTable.Lease(now.Fence, holder, LeaseSeconds);
        var written = ready.Count == 0
            ? await SequencerTable.Renew(lease, now.Position, finalId, database, cancel)
            : await SequencerTable.Append(entries, lease, finalId, database, cancel);
        if (written is null)
        {
            LogLost(now.Fence);
            state = null;
            return Round.NotMine;
        }

        if (written.Appended != ready.Count)
            throw new InvalidOperationException($"{written.Appended} of {ready.Count} events got their positions.");
        (now.Position, now.Hash, now.FinalId, now.LeaseTakenAt) = (entries.To, entries.Hash, finalId, began);
        if (needsMark)
            now.Mark = new Mark(seen.LastId, written.Xid);
        return ready.Count == 0 ? Round.Idle : ready.Count == batch ? Round.Full : Round.Sequenced;
    }

    private static SequencerTable.Entries Chained(State now, List<UnsequencedEvent> ready)
    {
        var (positions, hashes) = (new long[ready.Count], new byte[ready.Count][]);
        var hash = now.Hash;
        for (var i = 0; i < ready.Count; i++)
        {
            positions[i] = now.Position + i + 1;
            hashes[i] = hash = Chain.Hash(hash, positions[i], ready[i].Envelope, ready[i].Digest);
        }

        return new SequencerTable.Entries(now.Position, hash, positions, [.. ready.Select(candidate => candidate.Id)], hashes);
    }

    [LoggerMessage(70, LogLevel.Information, "This process gives events their positions now, from {Position} on (fence {Fence}).")]
    private partial void LogTaken(long fence, long position);

    [LoggerMessage(71, LogLevel.Warning,
        "The lease of this process (fence {Fence}) has ended. Another process gives events their positions now.")]
    private partial void LogLost(long fence);

    [LoggerMessage(72, LogLevel.Warning, "A round of the sequencer failed. Events wait for their positions; nothing is lost.")]
    private partial void LogFailed(Exception exception);

    [LoggerMessage(73, LogLevel.Warning, "The sequencer could not release its lease. Another process takes over when the lease ends.")]
    private partial void LogNotReleased(Exception exception);
}
