using System.Globalization;
using Caraway.Platform.Postgres;

namespace Caraway.Platform.Events;

/// <summary>The statements of <c>platform.event_cursors</c>: the position up to which each handler has come.</summary>
internal static class EventCursors
{
    private const string RegisterSql = """
        insert into platform.event_cursors (handler, position) select unnest(@names), 0 on conflict do nothing
        """;

    /// <summary>A cursor can be missing at any time: a migration down and up creates the table again.</summary>
    private const string BehindSql = """
        select n.handler, c.handler is null as is_missing
        from unnest(@names) n (handler) left join platform.event_cursors c on c.handler = n.handler
        where c.handler is null or c.position < (select position from platform.sequencer)
            or exists (select from platform.event_retries r where r.handler = c.handler and not r.parked and r.run_at <= @now)
        """;

    private const string LockSql = "select position from platform.event_cursors where handler = @name for no key update skip locked";

    /// <summary>
    /// Separate from the lock: a statement that waited for a lock sees the new cursor, but the other tables as they were before.
    /// </summary>
    private const string LookSql = """
        select (select position from platform.sequencer) as head,
            exists (select from platform.event_retries r where r.handler = @name and not r.parked) as has_waiting
        """;

    private const string AdvanceSql = "update platform.event_cursors set position = @to where handler = @name";

    internal const string EventColumns = "c.position, e.id, e.name, e.subject, e.at, e.actor, e.payload";

    private sealed record Look(long Head, bool HasWaiting);

    /// <param name="IsMissing">Whether the handler has no cursor.</param>
    public sealed record Behind(string Handler, bool IsMissing);

    /// <summary>A locked cursor: other processes do not work for this handler until the transaction ends.</summary>
    /// <param name="Head">The last position that the sequencer gave.</param>
    /// <param name="HasWaiting">Whether events wait for a retry of this handler.</param>
    public sealed record Turn(long Cursor, long Head, bool HasWaiting);

    /// <summary>Adds the cursors that do not exist yet.</summary>
    public static Task<int> Register(string[] names, Database database, CancellationToken cancel) =>
        database.Execute(RegisterSql, new { names }, cancel);

    /// <summary>The handlers that have new events, a retry that is due, or no cursor yet.</summary>
    public static Task<List<Behind>> ListBehind(string[] names, DateTime now, Database database, CancellationToken cancel) =>
        database.List<Behind>(BehindSql, new { names, now }, cancel);

    /// <summary>Locks the handler's cursor until the open transaction ends.</summary>
    /// <returns>Null while another process has it.</returns>
    public static async Task<Turn?> Take(string name, Database database, CancellationToken cancel)
    {
        if (await database.First<long?>(LockSql, new { name }, cancel) is not { } cursor)
            return null;
        var look = (await database.First<Look>(LookSql, new { name }, cancel))!;
        return new Turn(cursor, look.Head, look.HasWaiting);
    }

    /// <summary>
    /// The statement that reads the events after a cursor. Its limit is a literal: a prepared plan does not know the values of parameters
    /// and would read the whole chain (docs/adr/0011-statements-as-postgresql-sees-them.md).
    /// </summary>
    internal static string ReadSql(int limit) => string.Create(CultureInfo.InvariantCulture, $"""
        select {EventColumns}
        from (select position, event_id from platform.chain where position > @cursor order by position limit {limit}) c
        join platform.events e on e.id = c.event_id
        where c.position <= @to and e.name = any(@names)
        order by c.position
        """);

    /// <summary>The handler's events among the next positions.</summary>
    public static Task<List<Event>> Read(long cursor, long to, int limit, string[] names, Database database, CancellationToken cancel) =>
        database.List<Event>(ReadSql(limit), new { cursor, to, names }, cancel);

    public static Task<int> Advance(string name, long to, Database database, CancellationToken cancel) =>
        database.Execute(AdvanceSql, new { name, to }, cancel);
}
