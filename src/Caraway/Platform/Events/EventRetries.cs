using Caraway.Platform.Postgres;

namespace Caraway.Platform.Events;

/// <summary>
/// The statements of <c>platform.event_retries</c>: events that failed in a handler, and later events of the same subjects, which wait
/// behind them.
/// </summary>
internal static class EventRetries
{
    private const string WaitingSubjectsSql =
        "select distinct subject from platform.event_retries where handler = @name and not parked and subject = any(@subjects)";

    private const string DeferSql = """
        insert into platform.event_retries (handler, position, subject, attempt, run_at)
        select @name, t.position, t.subject, 0, @now from unnest(@positions, @subjects) as t (position, subject)
        """;

    private const string AddFailedSql = """
        insert into platform.event_retries (handler, position, subject, attempt, run_at, parked, error)
        values (@name, @position, @subject, @attempt, @runAt, @parked, @error)
        """;

    /// <summary>Only the attempt that failed: another process may have handled the event since.</summary>
    private const string UpdateFailedSql = """
        update platform.event_retries set attempt = @attempt, run_at = @runAt, parked = @parked, error = @error
        where handler = @name and position = @position and attempt = @attempt - 1 and not parked
        """;

    /// <summary>The first waiting event of its subject.</summary>
    private const string DueSql = $"""
        select {EventCursors.EventColumns}, r.attempt
        from platform.event_retries r
        join platform.chain c on c.position = r.position
        join platform.events e on e.id = c.event_id
        where r.handler = @name and not r.parked and r.run_at <= @now
            and not exists (
                select from platform.event_retries b
                where b.handler = r.handler and b.subject = r.subject and b.position < r.position and not b.parked)
        order by r.position
        limit 1
        """;

    private const string RemoveSql = "delete from platform.event_retries where handler = @name and position = @position";

    /// <summary>A waiting event whose next attempt is due.</summary>
    /// <param name="Attempt">Number of failed attempts.</param>
    public sealed record Due(long Position, long Id, string Name, string Subject, DateTime At, string Actor, string? Payload, int Attempt)
    {
        public Event Event => new(Position, Id, Name, Subject, At, Actor, Payload);
    }

    /// <summary>A failed attempt.</summary>
    /// <param name="Attempt">Number of the failed attempt, starting at 1.</param>
    /// <param name="IsParked">Whether it was the last attempt.</param>
    public sealed record Failure(string Handler, Event Event, int Attempt, DateTime RunAt, bool IsParked, string Error);

    /// <summary>The subjects among <paramref name="subjects"/> of which an event waits.</summary>
    public static Task<List<string>> ListWaitingSubjects(string name, string[] subjects, Database database, CancellationToken cancel) =>
        database.List<string>(WaitingSubjectsSql, new { name, subjects }, cancel);

    /// <summary>Adds events that wait behind an earlier one of their subject.</summary>
    public static Task<int> Defer(string name, List<Event> events, DateTime now, Database database, CancellationToken cancel) =>
        database.Execute(
            DeferSql,
            new { name, positions = events.Select(e => e.Position).ToArray(), subjects = events.Select(e => e.Subject).ToArray(), now },
            cancel);

    /// <summary>Adds an event after its first failed attempt.</summary>
    public static Task<int> AddFailed(Failure failure, Database database, CancellationToken cancel) =>
        database.Execute(AddFailedSql, Values(failure), cancel);

    /// <summary>Records another failed attempt of a waiting event.</summary>
    public static Task<int> UpdateFailed(Failure failure, Database database, CancellationToken cancel) =>
        database.Execute(UpdateFailedSql, Values(failure), cancel);

    public static Task<Due?> FindDue(string name, DateTime now, Database database, CancellationToken cancel) =>
        database.First<Due>(DueSql, new { name, now }, cancel);

    public static Task<int> Remove(string name, long position, Database database, CancellationToken cancel) =>
        database.Execute(RemoveSql, new { name, position }, cancel);

    private static object Values(Failure failure) => new
    {
        name = failure.Handler, position = failure.Event.Position, subject = failure.Event.Subject, attempt = failure.Attempt,
        runAt = failure.RunAt, parked = failure.IsParked, error = failure.Error,
    };
}
