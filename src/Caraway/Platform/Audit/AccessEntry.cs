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
    /// Selects accesses, to be ended by <see cref="Order"/>. What matches is found by the index on ids before it is ordered: walked from the
    /// newest on, the log would be read whole for what was seldom looked at.
    /// </summary>
    internal static string Select(string condition) => $"""
        with found as materialized (
            select a.id, a.at, a.actor, a.request_id, a.address, a.action, a.reason from platform.access_log a where {condition}
        )
        select f.id, f.at as time, f.actor, u.full_name as actor_name, f.request_id, f.address, f.action, f.reason
        from found f left join identity.user_card u on u.id = case when f.actor like 'user:%' then substr(f.actor, 6)::bigint end
        where f.id < @Before
        """;

    internal const string Order = " order by f.id desc";

    /// <param name="entries">One more than the page takes when there is a next one.</param>
    internal static AccessPage Of(List<AccessEntry> entries, int limit)
    {
        if (entries.Count <= limit)
            return new AccessPage(entries, null);
        entries.RemoveAt(limit);
        return new AccessPage(entries, entries[^1].Id);
    }
}
