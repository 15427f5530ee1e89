using System.Globalization;
using Caraway.Platform.Postgres;

namespace Caraway.Platform.Events;

/// <summary>The statements of <c>platform.sequencer</c>, the single row with the lease and the end of the chain.</summary>
internal static class SequencerTable
{
    private const string TakeLeaseSql = """
        update platform.sequencer
        set holder = @holder, fence = fence + 1, lease_until = clock_timestamp() + make_interval(secs => @seconds)
        where lease_until is null or lease_until < clock_timestamp() or holder = @holder
        returning fence, position, hash, final_id, cluster, (select system_identifier from pg_control_system()) as this_cluster
        """;

    private const string ReleaseLeaseSql = "update platform.sequencer set lease_until = null where holder = @holder";

    /// <summary>Events without a position. A limit must follow.</summary>
    internal const string WaitingSql = """
        select e.id, e.at, e.name, e.subject, e.actor, e.on_behalf_of, e.request_id, e.address, e.digest,
            e.xid < pg_snapshot_xmin(pg_current_snapshot()) as is_settled
        from platform.events e
        where e.id > @finalId and not exists (select from platform.chain c where c.event_id = e.id and c.event_id > @finalId)
        order by e.id
        """;

    private const string SnapshotSql = """
        select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest_xid,
            (select case when is_called then last_value else last_value - 1 end from platform.event_ids) as last_id
        """;

    private const string RenewSql = """
        update platform.sequencer
        set lease_until = clock_timestamp() + make_interval(secs => @seconds), final_id = @finalId
        where fence = @fence and holder = @holder and position = @position
        returning pg_current_xact_id()::text::bigint as xid, 0 as appended
        """;

    private const string AppendSql = """
        with held as (
            update platform.sequencer
            set position = @to, hash = @hash, final_id = @finalId, lease_until = clock_timestamp() + make_interval(secs => @seconds)
            where fence = @fence and holder = @holder and position = @from
            returning 1
        ), appended as (
            insert into platform.chain (position, event_id, hash)
            select t.position, t.event_id, t.hash from held, unnest(@positions, @ids, @hashes) as t (position, event_id, hash)
            returning 1
        )
        select pg_current_xact_id()::text::bigint as xid, (select count(*) from appended)::int as appended from held
        """;

    /// <summary>Transaction numbers mean nothing in another cluster. Every event of a restored dump is committed.</summary>
    private const string AdoptSql = """
        with adopted as (
            update platform.events e set xid = '0'
            where e.id > @finalId and not exists (select from platform.chain c where c.event_id = e.id and c.event_id > @finalId)
        )
        update platform.sequencer set cluster = @cluster where fence = @fence
        """;

    /// <summary>The row at the moment when the lease was taken.</summary>
    /// <param name="Fence">Rises with each holder. A process that lost its lease writes nothing more.</param>
    /// <param name="Cluster">The system identifier of the cluster in which the events' transaction numbers were drawn.</param>
    public sealed record Held(long Fence, long Position, byte[] Hash, long FinalId, long Cluster, long ThisCluster);

    /// <summary>
    /// The lease of a process. The fence alone does not identify it: after migrations down and up, fences start from 0 again.
    /// </summary>
    /// <param name="Seconds">The length of a renewal.</param>
    public sealed record Lease(long Fence, string Holder, double Seconds);

    /// <param name="OldestXid">Every transaction with a lower number has ended.</param>
    /// <param name="LastId">The highest event id that any transaction has drawn.</param>
    public sealed record Snapshot(long OldestXid, long LastId);

    /// <param name="Xid">The number of the transaction that wrote.</param>
    public sealed record Written(long Xid, int Appended);

    /// <summary>A batch of new chain entries; the entries follow <paramref name="From"/>.</summary>
    /// <param name="Hash">The hash of the last entry.</param>
    public sealed record Entries(long From, byte[] Hash, long[] Positions, long[] Ids, byte[][] Hashes)
    {
        public long To => From + Positions.Length;
    }

    /// <returns>Null while another process has the lease.</returns>
    public static Task<Held?> TakeLease(string holder, double seconds, Database database, CancellationToken cancel) =>
        database.First<Held>(TakeLeaseSql, new { holder, seconds }, cancel);

    public static Task<int> ReleaseLease(string holder, Database database, CancellationToken cancel) =>
        database.Execute(ReleaseLeaseSql, new { holder }, cancel);

    /// <summary>Prepares the waiting events of a restored dump for this cluster.</summary>
    public static Task<int> Adopt(Held held, Database database, CancellationToken cancel) =>
        database.Execute(AdoptSql, new { finalId = held.FinalId, cluster = held.ThisCluster, fence = held.Fence }, cancel);

    public static async Task<Snapshot> ReadSnapshot(Database database, CancellationToken cancel) =>
        (await database.First<Snapshot>(SnapshotSql, null, cancel))!;

    /// <summary>The oldest events without a position, in the order of their ids.</summary>
    public static Task<List<UnsequencedEvent>> ListWaiting(long finalId, int limit, Database database, CancellationToken cancel) =>
        database.List<UnsequencedEvent>(
            string.Create(CultureInfo.InvariantCulture, $"{WaitingSql} limit {limit}"), new { finalId }, cancel);

    /// <returns>Null when the lease was lost.</returns>
    public static Task<Written?> Renew(Lease lease, long position, long finalId, Database database, CancellationToken cancel) =>
        database.First<Written>(
            RenewSql, new { fence = lease.Fence, holder = lease.Holder, position, finalId, seconds = lease.Seconds }, cancel);

    /// <summary>Writes chain entries, the new end of the chain and the renewed lease in one statement.</summary>
    /// <returns>Null when the lease was lost; nothing is written then.</returns>
    public static Task<Written?> Append(Entries entries, Lease lease, long finalId, Database database, CancellationToken cancel) =>
        database.First<Written>(
            AppendSql,
            new
            {
                from = entries.From, to = entries.To, hash = entries.Hash, finalId,
                fence = lease.Fence, holder = lease.Holder, seconds = lease.Seconds,
                positions = entries.Positions, ids = entries.Ids, hashes = entries.Hashes,
            },
            cancel);
}
