using Caraway.Platform.Postgres;

namespace Caraway.Platform.Events;

/// <summary>Waits for a handler, so that an answer from the handler's tables includes every change before the request.</summary>
internal static class CatchUp
{
    /// <summary>A handler is usually some 20 ms behind. After this time the answer says how far it is.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// Events of other names are not waited for until they have a position. A position does not tell which event it is without a look at
    /// the event, so from there on every position counts.
    /// </summary>
    internal const string Select = """
        select l.newest, s.position as head, coalesce(c.position, 0) as handled, u.at is not null as has_unsequenced,
            least(
                u.at,
                (select e.at from platform.chain n join platform.events e on e.id = n.event_id
                 where n.position = coalesce(c.position, 0) + 1)) as next_at,
            r.at as failed_at, coalesce(r.has_waiting, false) as has_waiting
        from platform.sequencer s
        left join platform.event_cursors c on c.handler = @handler
        cross join lateral (
            select coalesce(@newest::bigint, (select max(e.id) from platform.events e), 0) as newest
        ) l
        cross join lateral (
            select min(e.at) as at from platform.events e
            where e.id > s.final_id and e.id <= l.newest and e.name = any(@names)
                and not exists (select from platform.chain n where n.event_id = e.id and n.event_id > s.final_id)
        ) u
        cross join lateral (
            select min(e.at) as at, bool_or(not r.parked) as has_waiting
            from platform.event_retries r
            join platform.chain n on n.position = r.position
            join platform.events e on e.id = n.event_id
            where r.handler = @handler
        ) r
        """;

    /// <param name="Newest">The newest event at the time of the first look.</param>
    /// <param name="Head">The last position that the sequencer gave.</param>
    /// <param name="Handled">The handler's cursor.</param>
    /// <param name="HasUnsequenced">Whether an event up to <paramref name="Newest"/> has no position yet.</param>
    /// <param name="NextAt">The time of the oldest event that the handler has not received; null when it has received all.</param>
    /// <param name="FailedAt">The time of the oldest event that failed in the handler; null without one.</param>
    /// <param name="HasWaiting">Whether a failed event, or one behind it, waits for another attempt.</param>
    private sealed record Look(
        long Newest, long Head, long Handled, bool HasUnsequenced, DateTime? NextAt, DateTime? FailedAt, bool HasWaiting);

    /// <summary>
    /// Returns when the handler has handled every event that was committed before the call, or after a second. It does not wait for a
    /// parked event.
    /// </summary>
    /// <param name="names">The events that the handler receives.</param>
    /// <returns>Null when all of them are handled; else the time of the oldest that is not.</returns>
    public static async Task<DateTime?> Wait(
        string handler, string[] names, Database database, TimeProvider time, CancellationToken cancel)
    {
        var began = time.GetTimestamp();
        long? newest = null;
        long? target = null;
        while (true)
        {
            var look = (await database.First<Look>(Select, new { handler, names, newest }, cancel))!;
            newest = look.Newest;
            if (!look.HasUnsequenced)
                target ??= look.Head;
            if (look.Handled >= target && !look.HasWaiting)
                return look.FailedAt;
            if (time.GetElapsedTime(began) >= Longest)
                return look.NextAt < look.FailedAt ? look.NextAt : look.FailedAt ?? look.NextAt;
            await Task.Delay(Poll, time, cancel);
        }
    }
}
