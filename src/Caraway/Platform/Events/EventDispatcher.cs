using System.Globalization;
using System.Runtime.CompilerServices;
using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Platform.Events;

/// <summary>
/// Brings events to their handlers, each handler at its own pace. A handler's writes and its cursor are one transaction, which locks the
/// cursor: so effects happen once, and a handler works in one process at a time. An event that fails waits in the handler's retries, and
/// behind it the later ones of its subject; all others go on.
/// </summary>
internal sealed partial class EventDispatcher(
    IEnumerable<IEventHandler> handlers, NpgsqlDataSource source, IOptions<EventOptions> options, CarawayMetrics metrics, TimeProvider time, ILogger<EventDispatcher> logger)
    : BackgroundService
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan AfterFault = TimeSpan.FromSeconds(1);

    private const string Register = "insert into platform.event_cursors (handler, position) select unnest(@names), 0 on conflict do nothing";

    /// <summary>Which handlers have something to do.</summary>
    private const string Behind = """
        select c.handler from platform.event_cursors c
        where c.handler = any(@names)
            and (c.position < (select position from platform.sequencer)
                or exists (select from platform.event_retries r where r.handler = c.handler and not r.parked and r.run_at <= @now))
        """;

    private const string Lock = "select position from platform.event_cursors where handler = @name for no key update skip locked";

    /// <summary>After the lock, in a statement of its own: one that waited sees the cursor as it is, and all else as it was.</summary>
    private const string Look = """
        select (select position from platform.sequencer) as head,
            exists (select from platform.event_retries r where r.handler = @name and not r.parked) as has_waiting
        """;

    private const string Columns = "c.position, e.id, e.name, e.subject, e.at, e.actor, e.payload";

    /// <summary>With a literal limit: of two bounds that are parameters a prepared plan knows nothing, and reads the chain whole (ADR 0011).</summary>
    internal static string Read(int most) => string.Create(CultureInfo.InvariantCulture, $"""
        select {Columns}
        from (select position, event_id from platform.chain where position > @cursor order by position limit {most}) c
        join platform.events e on e.id = c.event_id
        where c.position <= @to and e.name = any(@names)
        order by c.position
        """);

    private const string WaitingSubjects = "select distinct subject from platform.event_retries where handler = @name and not parked and subject = any(@subjects)";

    private const string Advance = "update platform.event_cursors set position = @to where handler = @name";

    private const string PutBehind = """
        insert into platform.event_retries (handler, position, subject, attempt, run_at)
        select @name, t.position, t.subject, 0, @now from unnest(@positions, @subjects) as t (position, subject)
        """;

    private const string PutFailed = """
        insert into platform.event_retries (handler, position, subject, attempt, run_at, parked, error)
        values (@name, @position, @subject, @attempt, @runAt, @parked, @error)
        """;

    /// <summary>Only the try that failed: another process may have done the event meanwhile.</summary>
    private const string FailAgain = """
        update platform.event_retries set attempt = @attempt, run_at = @runAt, parked = @parked, error = @error
        where handler = @name and position = @position and attempt = @attempt - 1 and not parked
        """;

    /// <summary>The first of its subject that waits, if it is due.</summary>
    private const string Due = $"""
        select {Columns}, r.attempt
        from platform.event_retries r
        join platform.chain c on c.position = r.position
        join platform.events e on e.id = c.event_id
        where r.handler = @name and not r.parked and r.run_at <= @now
            and not exists (select from platform.event_retries b where b.handler = r.handler and b.subject = r.subject and b.position < r.position and not b.parked)
        order by r.position
        limit 1
        """;

    private const string Done = "delete from platform.event_retries where handler = @name and position = @position";

    private sealed record Surroundings(long Head, bool HasWaiting);

    /// <summary>A handler's turn: nobody else has it until the transaction ends.</summary>
    private sealed record Turn(long Cursor, long Head, bool HasWaiting);

    private sealed record DueEvent(long Position, long Id, string Name, string Subject, DateTime At, string Actor, string? Payload, int Attempt)
    {
        public Event Event => new(Position, Id, Name, Subject, At, Actor, Payload);
    }

    /// <summary>How far each handler is behind the last position.</summary>
    public static DatabaseGauge LagGauge { get; } = new()
    {
        Name = "caraway.events.lag",
        Description = "Events that have their position and have not yet been brought to the handler.",
        Unit = "{event}",
        Labels = ["handler"],
        Sql = "select array[c.handler] as labels, (s.position - c.position)::double precision as value from platform.event_cursors c, platform.sequencer s",
    };

    public static DatabaseGauge RetriesGauge { get; } = new()
    {
        Name = "caraway.events.retries",
        Description = "Events whose handling failed: waiting for another try or behind one that does, or parked after the last.",
        Unit = "{event}",
        Labels = ["handler", "state"],
        Sql = """
            select array[c.handler, s.state] as labels, (select count(*) from platform.event_retries r where r.handler = c.handler and r.parked = (s.state = 'parked'))::double precision as value
            from platform.event_cursors c, (values ('waiting'), ('parked')) s (state)
            """,
    };

    public static DatabaseGauge UnsequencedGauge { get; } = new()
    {
        Name = "caraway.events.unsequenced.age",
        Description = "How long the oldest committed event has waited for its position; a long transaction anywhere in the cluster holds all back.",
        Unit = "s",
        Labels = [],
        Sql = """
            select '{}'::text[] as labels, coalesce(greatest(extract(epoch from @now - min(e.at)), 0), 0)::double precision as value
            from platform.sequencer s
            left join platform.events e on e.id > s.final_id and not exists (select from platform.chain c where c.event_id = e.id and c.event_id > s.final_id)
            """,
    };

    /// <summary>Gives each handler that has not yet one its cursor.</summary>
    public async Task RegisterHandlers(CancellationToken cancel)
    {
        await using var database = new Database(source);
        await database.Execute(Register, new { names = handlers.Select(handler => handler.Name).ToArray() }, cancel);
    }

    /// <summary>Brings what is there to all handlers.</summary>
    /// <returns>Whether there may be more at once.</returns>
    public async Task<bool> RunOnce(CancellationToken cancel)
    {
        List<string> behind;
        await using (var database = new Database(source))
            behind = await database.List<string>(Behind, new { names = handlers.Select(handler => handler.Name).ToArray(), now = Now }, cancel);
        var worked = false;
        foreach (var handler in handlers.Where(handler => behind.Contains(handler.Name, StringComparer.Ordinal)))
            worked |= await Retry(handler, cancel) | await Bring(handler, cancel);
        return worked;
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.Value.Enabled || !handlers.Any())
            return Task.CompletedTask;
        var isRegistered = false;
        return Repeatedly.Do(
            async stopping =>
            {
                if (!isRegistered)
                    await RegisterHandlers(stopping);
                isRegistered = true;
                if (!await RunOnce(stopping))
                    await EventSignal.Sequenced.Wait(Poll, stopping);
                return TimeSpan.Zero;
            },
            OnFailure, time, stoppingToken);
    }

    private DateTime Now => time.GetUtcNow().UtcDateTime;

    private TimeSpan OnFailure(Exception exception)
    {
        LogRound(exception);
        return AfterFault;
    }

    /// <summary>The next events after the cursor.</summary>
    private async Task<bool> Bring(IEventHandler handler, CancellationToken cancel)
    {
        try
        {
            return await BringBatch(handler, options.Value.Batch, cancel) > 0;
        }
        catch (Exception e) when (IsOfTheEvent(e))
        {
            LogAlone(e, handler.Name);
        }

        // One at a time, past the one that fails.
        for (var i = 0; i < options.Value.Batch; i++)
        {
            var at = new StrongBox<long>();
            try
            {
                if (await BringBatch(handler, 1, cancel, at) == 0)
                    return true;
            }
            catch (Exception e) when (IsOfTheEvent(e))
            {
                await PassOver(handler, at.Value, e, cancel);
            }
        }

        return true;
    }

    /// <returns>How many positions the cursor moved; 0 when there is nothing, or another process is at it.</returns>
    private async Task<long> BringBatch(IEventHandler handler, int most, CancellationToken cancel, StrongBox<long>? at = null)
    {
        await using var database = new Database(source);
        await database.Begin(cancel);
        if (await Take(handler, database, cancel) is not { } turn || turn.Cursor >= turn.Head)
            return 0;
        at?.Value = turn.Cursor;
        var to = Math.Min(turn.Head, turn.Cursor + most);
        var events = await database.List<Event>(Read(most), new { cursor = turn.Cursor, to, names = handler.Events.ToArray() }, cancel);
        if (turn.HasWaiting && events.Count > 0)
            events = await LeaveBehind(handler, events, database, cancel);
        if (events.Count > 0)
            await handler.Handle(events, database, cancel);
        await database.Execute(Advance, new { name = handler.Name, to }, cancel);
        await database.Commit();
        Handled(handler, events);
        return to - turn.Cursor;
    }

    /// <summary>Puts those whose subject waits for a retry behind it.</summary>
    /// <returns>The others.</returns>
    private async Task<List<Event>> LeaveBehind(IEventHandler handler, List<Event> events, Database database, CancellationToken cancel)
    {
        var subjects = await database.List<string>(WaitingSubjects, new { name = handler.Name, subjects = events.Select(e => e.Subject).Distinct(StringComparer.Ordinal).ToArray() }, cancel);
        if (subjects.Count == 0)
            return events;
        var waiting = events.FindAll(e => subjects.Contains(e.Subject, StringComparer.Ordinal));
        await database.Execute(
            PutBehind,
            new { name = handler.Name, positions = waiting.Select(e => e.Position).ToArray(), subjects = waiting.Select(e => e.Subject).ToArray(), now = Now },
            cancel);
        return events.FindAll(e => !subjects.Contains(e.Subject, StringComparer.Ordinal));
    }

    private static async Task<Turn?> Take(IEventHandler handler, Database database, CancellationToken cancel)
    {
        if (await database.First<long?>(Lock, new { name = handler.Name }, cancel) is not { } cursor)
            return null;
        var around = (await database.First<Surroundings>(Look, new { name = handler.Name }, cancel))!;
        return new Turn(cursor, around.Head, around.HasWaiting);
    }

    /// <summary>The event after the cursor goes to the retries, and the cursor past it.</summary>
    /// <param name="at">Where the cursor was when it failed; elsewhere, another process was faster.</param>
    private async Task PassOver(IEventHandler handler, long at, Exception exception, CancellationToken cancel)
    {
        await using var database = new Database(source);
        await database.Begin(cancel);
        if (await Take(handler, database, cancel) is not { } turn || turn.Cursor != at)
            return;
        var to = turn.Cursor + 1;
        if (await database.First<Event>(Read(1), new { cursor = turn.Cursor, to, names = handler.Events.ToArray() }, cancel) is { } failed)
            await Fail(PutFailed, handler, failed, 1, exception, database, cancel);
        await database.Execute(Advance, new { name = handler.Name, to }, cancel);
        await database.Commit();
    }

    /// <summary>The events that wait for another try and are due, and those behind them as these succeed.</summary>
    private async Task<bool> Retry(IEventHandler handler, CancellationToken cancel)
    {
        for (var tries = 0; tries < options.Value.Batch; tries++)
        {
            DueEvent? due = null;
            try
            {
                await using var database = new Database(source);
                await database.Begin(cancel);
                if (await Take(handler, database, cancel) is not { HasWaiting: true })
                    return tries > 0;
                due = await database.First<DueEvent>(Due, new { name = handler.Name, now = Now }, cancel);
                if (due is null)
                    return tries > 0;
                await handler.Handle([due.Event], database, cancel);
                await database.Execute(Done, new { name = handler.Name, position = due.Position }, cancel);
                await database.Commit();
                Handled(handler, [due.Event]);
            }
            catch (Exception e) when (due is not null && IsOfTheEvent(e))
            {
                await using var database = new Database(source);
                await database.Begin(cancel);
                if (await Take(handler, database, cancel) is null)
                    return true;
                await Fail(FailAgain, handler, due.Event, due.Attempt + 1, e, database, cancel);
                await database.Commit();
            }
        }

        return true;
    }

    private async Task Fail(string sql, IEventHandler handler, Event failed, int attempt, Exception exception, Database database, CancellationToken cancel)
    {
        var parked = attempt >= options.Value.MaxAttempts;
        if (parked)
            LogParked(exception, handler.Name, failed.Position, failed.Name);
        else
            LogFailed(exception, handler.Name, failed.Position, failed.Name, attempt);
        await database.Execute(
            sql,
            new
            {
                name = handler.Name, position = failed.Position, subject = failed.Subject, attempt, runAt = Now + Backoff.Delay(attempt, Random.Shared.NextDouble()), parked,
                error = string.Create(CultureInfo.InvariantCulture, $"{exception.GetType().Name} on try {attempt}; the log has the rest."),
            },
            cancel);
        metrics.EventFailed(handler.Name, parked);
    }

    /// <summary>Not a stop, and not a database that is away; a statement that takes too long is the handler's own doing.</summary>
    private static bool IsOfTheEvent(Exception exception) => exception is not OperationCanceledException
        && (exception is PostgresException { SqlState: PostgresErrorCodes.QueryCanceled } or NpgsqlException { InnerException: TimeoutException } || !Problems.IsAway(exception));

    private void Handled(IEventHandler handler, List<Event> events)
    {
        var now = Now;
        foreach (var handled in events)
            metrics.EventHandled(handler.Name, now - handled.At);
    }

    [LoggerMessage(80, LogLevel.Warning, "A round of the event handlers failed; what it did was undone and is done again.")]
    private partial void LogRound(Exception exception);

    [LoggerMessage(81, LogLevel.Warning, "The handler {Handler} failed on a batch of events; each is tried alone.")]
    private partial void LogAlone(Exception exception, string handler);

    [LoggerMessage(82, LogLevel.Error, "The handler {Handler} failed on the event at position {Position} ({Name}), try {Attempt}; it is tried again later.")]
    private partial void LogFailed(Exception exception, string handler, long position, string name, int attempt);

    [LoggerMessage(83, LogLevel.Critical, "The handler {Handler} failed on the event at position {Position} ({Name}) for the last time; it is parked. Replay it when its cause is gone: ./caraway events replay --handler {Handler} --parked")]
    private partial void LogParked(Exception exception, string handler, long position, string name);
}

internal static class EventRegistrations
{
    /// <summary>Registers the sequencer and the dispatcher; modules add their handlers.</summary>
    public static void AddEvents(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<EventOptions>().Bind(configuration.GetSection("Events")).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<Sequencer>().AddHostedService(provider => provider.GetRequiredService<Sequencer>());
        services.AddSingleton<EventDispatcher>().AddHostedService(provider => provider.GetRequiredService<EventDispatcher>());
        services.AddSingleton(EventDispatcher.LagGauge).AddSingleton(EventDispatcher.RetriesGauge).AddSingleton(EventDispatcher.UnsequencedGauge);
    }

    public static IServiceCollection AddEventHandler<THandler>(this IServiceCollection services)
        where THandler : class, IEventHandler =>
        services.AddSingleton<IEventHandler, THandler>();
}
