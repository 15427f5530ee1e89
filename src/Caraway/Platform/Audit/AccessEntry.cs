using Caraway.Platform.Http;

namespace Caraway.Platform.Audit;

/// <summary>An access as the API shows it.</summary>
/// <param name="ActorName">The user's name; null for other systems.</param>
/// <param name="Action">The request's method and route: <c>GET /cases/{id}</c>.</param>
/// <param name="Reason">The caller's <c>X-Access-Reason</c>.</param>
public sealed record AccessEntry(
    long Id, DateTime Time, string Actor, string? ActorName, string RequestId, string? Address, string Action, string? Reason);

/// <summary>A page of an access log, newest first.</summary>
public sealed record AccessPage(IReadOnlyList<AccessEntry> Items, long? NextCursor)
{
    /// <summary>
    /// The statement that finds accesses, newest first. It finds batches by their index and then reads their records. A walk over the
    /// records from the newest on would read the whole log to find a record that was seldom read.
    /// </summary>
    /// <param name="batch">A condition on the batch <c>b</c>.</param>
    /// <param name="record">A condition on the record <c>a</c>.</param>
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

    /// <param name="entries">One entry more than the page holds when another page follows.</param>
    internal static AccessPage Create(List<AccessEntry> entries, Page page)
    {
        var next = page.Cut(entries, entry => entry.Id);
        return new AccessPage(entries, next);
    }
}
