using Caraway.Platform.Postgres;

namespace Caraway.Platform.Events;

/// <summary>Delivers events to a handler again: all events from a position on, or the parked events.</summary>
internal static class ReplayEvents
{
    /// <summary>Removes waiting events from the position on: they are delivered again with the others, in order.</summary>
    private const string FromSql = """
        with moved as (
            update platform.event_cursors set position = @position - 1 where handler = @handler and position >= @position
            returning handler
        )
        delete from platform.event_retries r using moved m where r.handler = m.handler and r.position >= @position
        """;

    private const string CursorSql = "select position from platform.event_cursors where handler = @handler for no key update";

    private const string ParkedSql = """
        update platform.event_retries set parked = false, attempt = 0, run_at = @now where handler = @handler and parked
        """;

    private const string ListSql = """
        select c.handler, c.position, s.position - c.position as behind,
            (select count(*) from platform.event_retries r where r.handler = c.handler and not r.parked) as waiting,
            (select count(*) from platform.event_retries r where r.handler = c.handler and r.parked) as parked
        from platform.event_cursors c, platform.sequencer s order by c.handler
        """;

    /// <summary>A handler as an operator sees it.</summary>
    /// <param name="Position">Every event up to this position is handled, waits or is parked.</param>
    /// <param name="Behind">Number of positions after the cursor.</param>
    /// <param name="Waiting">Number of events that wait for another attempt, or behind a waiting event.</param>
    public sealed record Listed(string Handler, long Position, long Behind, long Waiting, long Parked);

    public static Task<List<Listed>> List(Database database, CancellationToken cancel) => database.List<Listed>(ListSql, null, cancel);

    /// <summary>Moves the handler's cursor back, so that it receives all events from <paramref name="position"/> on again.</summary>
    /// <returns>The cursor before the move; null when the handler does not exist.</returns>
    public static async Task<long?> From(string handler, long position, Database database, CancellationToken cancel)
    {
        await database.Begin(cancel);
        var before = await database.First<long?>(CursorSql, new { handler }, cancel);
        if (before is not null)
            await database.Execute(FromSql, new { handler, position }, cancel);
        await database.Commit();
        return before;
    }

    /// <summary>Tries the handler's parked events again.</summary>
    /// <returns>The number of parked events.</returns>
    public static async Task<int> Parked(string handler, DateTime now, Database database, CancellationToken cancel)
    {
        await database.Begin(cancel);
        // A batch at work would deliver later events of the same subjects, so wait for its end.
        await database.First<long?>(CursorSql, new { handler }, cancel);
        var count = await database.Execute(ParkedSql, new { handler, now }, cancel);
        await database.Commit();
        return count;
    }
}
