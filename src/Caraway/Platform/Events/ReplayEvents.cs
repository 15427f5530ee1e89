using Caraway.Platform.Postgres;

namespace Caraway.Platform.Events;

/// <summary>Sends a handler back: to a position, from which it gets all events again, or to those that were parked.</summary>
internal static class ReplayEvents
{
    /// <summary>What waits from there on comes with the rest, in its order.</summary>
    private const string FromSql = """
        with moved as (
            update platform.event_cursors set position = @position - 1 where handler = @handler and position >= @position
            returning handler
        )
        delete from platform.event_retries r using moved m where r.handler = m.handler and r.position >= @position
        """;

    private const string CursorSql = "select position from platform.event_cursors where handler = @handler for no key update";

    private const string ParkedSql = "update platform.event_retries set parked = false, attempt = 0, run_at = @now where handler = @handler and parked";

    private const string ListSql = """
        select c.handler, c.position, s.position - c.position as behind,
            (select count(*) from platform.event_retries r where r.handler = c.handler and not r.parked) as waiting,
            (select count(*) from platform.event_retries r where r.handler = c.handler and r.parked) as parked
        from platform.event_cursors c, platform.sequencer s order by c.handler
        """;

    /// <param name="Position">Up to there everything is handled, or waits.</param>
    /// <param name="Waiting">For another try, or behind one that does.</param>
    public sealed record Listed(string Handler, long Position, long Behind, long Waiting, long Parked);

    public static Task<List<Listed>> List(Database database, CancellationToken cancel) => database.List<Listed>(ListSql, null, cancel);

    /// <returns>From which position it had got; null when there is no such handler.</returns>
    public static async Task<long?> From(string handler, long position, Database database, CancellationToken cancel)
    {
        await database.Begin(cancel);
        var before = await database.First<long?>(CursorSql, new { handler }, cancel);
        if (before is not null)
            await database.Execute(FromSql, new { handler, position }, cancel);
        await database.Commit();
        return before;
    }

    /// <returns>How many parked events are tried again.</returns>
    public static async Task<int> Parked(string handler, DateTime now, Database database, CancellationToken cancel)
    {
        await database.Begin(cancel);
        // Not beside a batch, which would bring later events of the same subjects.
        await database.First<long?>(CursorSql, new { handler }, cancel);
        var count = await database.Execute(ParkedSql, new { handler, now }, cancel);
        await database.Commit();
        return count;
    }
}
