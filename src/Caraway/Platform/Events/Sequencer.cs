using System.Globalization;
using System.Security.Cryptography;
using Caraway.Platform.Audit;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Platform.Events;

/// <summary>
/// Gives committed events their positions and chains them. One process at a time does: a lease with a fencing number, of which one that
/// lost it learns when nothing of its batch is written. Why nothing is skipped, whoever commits late: docs/adr/0015-sequencer.md.
/// </summary>
internal sealed partial class Sequencer(NpgsqlDataSource source, IOptions<EventOptions> options, TimeProvider time, ILogger<Sequencer> logger) : BackgroundService
{
    private static readonly TimeSpan WithoutLease = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan AfterFault = TimeSpan.FromSeconds(1);

    private const string TakeLease = """
        update platform.sequencer
        set holder = @me, fence = fence + 1, lease_until = clock_timestamp() + make_interval(secs => @seconds)
        where lease_until is null or lease_until < clock_timestamp() or holder = @me
        returning fence, position, hash, final_id, cluster, (select system_identifier from pg_control_system()) as this_cluster
        """;

    private const string GiveLease = "update platform.sequencer set lease_until = null where holder = @me";

    /// <summary>Events without a position, each with whether every transaction that is older than its own has ended.</summary>
    internal const string Waiting = """
        select e.id, e.at, e.name, e.subject, e.actor, e.on_behalf_of, e.request_id, e.address, e.digest,
            e.xid < pg_snapshot_xmin(pg_current_snapshot()) as is_settled
        from platform.events e
        where e.id > @finalId and not exists (select from platform.chain c where c.event_id = e.id and c.event_id > @finalId)
        order by e.id
        """;

    private const string Snapshot = """
        select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest_xid,
            (select case when is_called then last_value else last_value - 1 end from platform.event_ids) as last_id
        """;

    private const string Renew = """
        update platform.sequencer
        set lease_until = clock_timestamp() + make_interval(secs => @seconds), final_id = @finalId
        where fence = @fence and position = @position
        returning pg_current_xact_id()::text::bigint as xid, 0 as appended
        """;

    private const string Append = """
        with held as (
            update platform.sequencer
            set position = @to, hash = @hash, final_id = @finalId, lease_until = clock_timestamp() + make_interval(secs => @seconds)
            where fence = @fence and position = @from
            returning 1
        ), appended as (
            insert into platform.chain (position, event_id, hash)
            select t.position, t.event_id, t.hash from held, unnest(@positions, @ids, @hashes) as t (position, event_id, hash)
            returning 1
        )
        select pg_current_xact_id()::text::bigint as xid, (select count(*) from appended)::int as appended from held
        """;

    /// <summary>Numbers of transactions mean nothing in another cluster; what a restored dump brought is committed.</summary>
    private const string Adopt = """
        with adopted as (
            update platform.events e set xid = '0'
            where e.id > @finalId and not exists (select from platform.chain c where c.event_id = e.id and c.event_id > @finalId)
        )
        update platform.sequencer set cluster = @cluster where fence = @fence
        """;

    private readonly string me = string.Create(CultureInfo.InvariantCulture, $"{Environment.MachineName}:{Environment.ProcessId}:{RandomNumberGenerator.GetHexString(8, lowercase: true)}");
    private readonly SemaphoreSlim turn = new(1);
    private State? state;
    private bool hasHeld;

    /// <summary>A waiting event, and whether it may have its position now.</summary>
    internal sealed record Candidate(
        long Id, DateTime At, string Name, string Subject, string Actor, string? OnBehalfOf, string? RequestId, string? Address, byte[] Digest, bool IsSettled)
    {
        public Envelope Envelope => new(Id, At, Name, Subject, Actor, OnBehalfOf, RequestId, Address);
    }

    /// <summary>The sequencer's row at the time the lease was taken.</summary>
    private sealed record Held(long Fence, long Position, byte[] Hash, long FinalId, long Cluster, long ThisCluster);

    /// <param name="OldestXid">Every transaction below has ended.</param>
    /// <param name="LastId">The highest id that any transaction has drawn.</param>
    private sealed record Seen(long OldestXid, long LastId);

    /// <param name="Xid">The number of the transaction that wrote.</param>
    private sealed record Written(long Xid, int Appended);

    /// <summary>
    /// Ids up to <paramref name="Id"/> are final once every transaction below <paramref name="Xid"/> has ended: that id was read before the
    /// number was drawn, and an id is drawn after its transaction's number.
    /// </summary>
    internal sealed record Mark(long Id, long Xid);

    private sealed class State(Held held)
    {
        public long Fence { get; } = held.Fence;

        public long Position { get; set; } = held.Position;

        public byte[] Hash { get; set; } = held.Hash;

        public long FinalId { get; set; } = held.FinalId;

        public long LeaseTakenAt { get; set; }

        public Mark? Mark { get; set; }
    }

    /// <summary>What a round did.</summary>
    internal enum Round
    {
        /// <summary>Another process has the lease.</summary>
        NotMine,

        /// <summary>Nothing waits that could have its position now.</summary>
        Idle,

        Sequenced,

        /// <summary>As many as one round takes; there may be more.</summary>
        Full,
    }

    /// <summary>
    /// Those that may have their positions now, in order. An event waits while a transaction older than its own is open, and behind a
    /// waiting one of the same subject: a transaction can have its number before it waits for the row that a later one holds.
    /// </summary>
    internal static List<Candidate> Ready(IReadOnlyList<Candidate> waiting)
    {
        var held = new HashSet<string>(StringComparer.Ordinal);
        var ready = new List<Candidate>(waiting.Count);
        foreach (var candidate in waiting)
        {
            if (candidate.IsSettled && !held.Contains(candidate.Subject))
                ready.Add(candidate);
            else
                held.Add(candidate.Subject);
        }

        return ready;
    }

    /// <summary>Takes or renews the lease, and gives a batch of events their positions.</summary>
    public async Task<Round> RunOnce(CancellationToken cancel)
    {
        await turn.WaitAsync(cancel);
        try
        {
            await using var database = new Database(source);
            state ??= await Take(database, cancel);
            if (state is null)
                return Round.NotMine;
            try
            {
                return await Sequence(state, database, cancel);
            }
            catch
            {
                // Whether the batch was written is not known: begin anew from what the row says.
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
        if (!hasHeld)
            return;
        state = null;
        try
        {
            await using var database = new Database(source);
            await database.Execute(GiveLease, new { me }, CancellationToken.None);
        }
        catch (NpgsqlException e)
        {
            LogNotGiven(e);
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        options.Value.Enabled ? Repeatedly.Do(DoOnce, OnFailure, time, stoppingToken) : Task.CompletedTask;

    private async Task<TimeSpan> DoOnce(CancellationToken stopping)
    {
        var round = await RunOnce(stopping);
        if (round == Round.NotMine)
            return WithoutLease;
        if (round is Round.Sequenced or Round.Full)
            EventSignal.Sequenced.Raise();
        else
            await EventSignal.Written.Wait(TimeSpan.FromMilliseconds(options.Value.PollMilliseconds), stopping);
        return round == Round.Full ? TimeSpan.Zero : TimeSpan.FromMilliseconds(options.Value.PaceMilliseconds);
    }

    private TimeSpan OnFailure(Exception exception)
    {
        LogRound(exception);
        return AfterFault;
    }

    private async Task<State?> Take(Database database, CancellationToken cancel)
    {
        var at = time.GetTimestamp();
        var held = await database.First<Held>(TakeLease, new { me, seconds = (double)options.Value.LeaseSeconds }, cancel);
        if (held is null)
            return null;
        hasHeld = true;
        LogTaken(held.Fence, held.Position);
        if (held.Cluster != held.ThisCluster)
            await database.Execute(Adopt, new { finalId = held.FinalId, cluster = held.ThisCluster, fence = held.Fence }, cancel);
        return new State(held) { LeaseTakenAt = at };
    }

    private async Task<Round> Sequence(State now, Database database, CancellationToken cancel)
    {
        var batch = options.Value.Batch;
        var began = time.GetTimestamp();
        var seen = (await database.First<Seen>(Snapshot, null, cancel))!;
        var waiting = await database.List<Candidate>(Waiting + Limit(batch), new { finalId = now.FinalId }, cancel);
        var ready = Ready(waiting);
        var isSettled = now.Mark is { } mark && seen.OldestXid >= mark.Xid;
        var finalId = isSettled ? Math.Max(now.FinalId, Final(now.Mark!.Id, waiting, ready, isWhole: waiting.Count < batch)) : now.FinalId;
        var needsMark = now.Mark is null || isSettled;
        if (ready.Count == 0 && finalId == now.FinalId && !(needsMark && seen.LastId > finalId) && time.GetElapsedTime(now.LeaseTakenAt, began) < TimeSpan.FromSeconds(options.Value.LeaseSeconds) / 3)
            return Round.Idle;

        var (positions, hashes) = (new long[ready.Count], new byte[ready.Count][]);
        var (position, hash) = (now.Position, now.Hash);
        for (var i = 0; i < ready.Count; i++)
        {
            positions[i] = ++position;
            hashes[i] = hash = Chain.Hash(hash, position, ready[i].Envelope, ready[i].Digest);
        }

        var written = ready.Count == 0
            ? await database.First<Written>(Renew, new { fence = now.Fence, position, finalId, seconds = (double)options.Value.LeaseSeconds }, cancel)
            : await database.First<Written>(
                Append,
                new
                {
                    from = now.Position, to = position, hash, finalId, fence = now.Fence, seconds = (double)options.Value.LeaseSeconds,
                    positions, ids = ready.Select(candidate => candidate.Id).ToArray(), hashes,
                },
                cancel);
        if (written is null)
        {
            LogLost(now.Fence);
            state = null;
            return Round.NotMine;
        }

        if (written.Appended != ready.Count)
            throw new InvalidOperationException($"{written.Appended} of {ready.Count} events got their positions.");
        (now.Position, now.Hash, now.FinalId, now.LeaseTakenAt) = (position, hash, finalId, began);
        if (needsMark)
            now.Mark = new Mark(seen.LastId, written.Xid);
        return ready.Count == 0 ? Round.Idle : ready.Count == batch ? Round.Full : Round.Sequenced;
    }

    /// <summary>Up to which id every event has its position or never will be, when all transactions of the mark have ended.</summary>
    /// <param name="isWhole">Whether those who wait were read to the last.</param>
    internal static long Final(long mark, IReadOnlyList<Candidate> waiting, IReadOnlyList<Candidate> ready, bool isWhole)
    {
        var taken = ready.Select(candidate => candidate.Id).ToHashSet();
        var first = waiting.FirstOrDefault(candidate => !taken.Contains(candidate.Id));
        return Math.Min(mark, first is not null ? first.Id - 1 : isWhole ? mark : waiting[^1].Id);
    }

    private static string Limit(int rows) => string.Create(CultureInfo.InvariantCulture, $" limit {rows}");

    [LoggerMessage(70, LogLevel.Information, "This process gives events their positions now, from {Position} on (fence {Fence}).")]
    private partial void LogTaken(long fence, long position);

    [LoggerMessage(71, LogLevel.Warning, "Another process gives events their positions now; this one's lease (fence {Fence}) was over.")]
    private partial void LogLost(long fence);

    [LoggerMessage(72, LogLevel.Warning, "A round of the sequencer failed; events wait for their positions, and none is lost.")]
    private partial void LogRound(Exception exception);

    [LoggerMessage(73, LogLevel.Warning, "The sequencer's lease could not be given back; another process takes it when it ends.")]
    private partial void LogNotGiven(Exception exception);
}
