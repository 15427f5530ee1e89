using Caraway.Platform.Http;

namespace Caraway.Platform.Audit;

/// <summary>An access as the access log's readers see it.</summary>
/// <param name="ActorName">The user's name; null for other systems.</param>
/// <param name="Action">What was asked for: <c>GET /cases/{id}</c>.</param>
/// <param name="Reason">What the caller said in <c>X-Access-Reason</c>.</param>
public sealed record AccessEntry(long Id, DateTime Time, string Actor, string? ActorName, string RequestId, string? Address, string Action, string? Reason);

/// <summary>A page of an access log, newest first.</summary>
public sealed record AccessPage(IReadOnlyList<AccessEntry> Items, long? NextCursor)
{
    /// <summary>
    /// Accesses, newest first: the batches that show the thing, by their index, and then their records. The index is asked first: walked
    /// from the newest on, the log would be read whole for what was seldom looked at.
    /// </summary>
    /// <param name="batch">What a batch <c>b</c> must show, of one kind or several.</param>
    /// <param name="record">What a record <c>a</c> must show.</param>
    internal static string Select(string batch, string record) => $"""
        with found as materialized (select distinct b.batch from platform.access_batches b where {batch})
        select a.id, a.at as time, a.actor, platform.actor_name(a.actor) as actor_name, a.request_id, a.address, a.action, a.reason
        from (select batch from found where batch <= @Before >> {AccessBatch.PlaceBits} order by batch desc) f
        cross join lateral (
            select * from platform.access_log a
            where a.id > f.batch << {AccessBatch.PlaceBits} and a.id < least(@Before, (f.batch + 1) << {AccessBatch.PlaceBits}) and {record}
            order by a.id desc
        ) a
        order by f.batch desc, a.id desc
        """;

    /// <param name="entries">One more than the page takes when there is a next one.</param>
    internal static AccessPage Create(List<AccessEntry> entries, Page page)
    {
        var next = page.Cut(entries, entry => entry.Id);
        return new AccessPage(entries, next);
    }
}
