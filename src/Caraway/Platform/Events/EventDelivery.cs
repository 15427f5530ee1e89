using System.Runtime.CompilerServices;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;
using Npgsql;

namespace Caraway.Platform.Events;

/// <summary>
/// Delivers events to one handler. The handler's writes and its cursor are one transaction, which locks the cursor: effects happen once,
/// and a handler works in one process at a time.
/// </summary>
internal sealed partial class EventDelivery(IEventHandler handler, EventDelivery.Dependencies dependencies)
{
    private readonly ILogger logger = dependencies.Logger;
    private readonly string[] names = [.. handler.Events];
    private bool isWaitingForSchema;

    internal sealed record Dependencies
    {
        public required NpgsqlDataSource Source { get; init; }

        public required EventOptions Options { get; init; }

        public required CarawayMetrics Metrics { get; init; }

        public required TimeProvider Time { get; init; }

        public required ILogger Logger { get; init; }
    }

    public string Name => handler.Name;

    private EventOptions Options => dependencies.Options;

    private DateTime Now => dependencies.Time.GetUtcNow().UtcDateTime;

    /// <summary>
    /// Tries the waiting events that are due, then delivers the next events after the cursor. While the schema is not the one of this
    /// program, a handler that fails on it waits: its events are not the cause.
    /// </summary>
    /// <returns>Whether more events may be ready at once.</returns>
    public async Task<bool> RunOnce(CancellationToken cancel)
    {
        try
        {
            var hasRetried = await Retry(cancel);
            hasRetried = await Deliver(cancel) || hasRetried;
            isWaitingForSchema = false;
            return hasRetried;
        }
        catch (SchemaMisfitException e)
        {
            if (!isWaitingForSchema)
                LogSchemaMisfit(e, Name);
            isWaitingForSchema = true;
            return false;
        }
    }

    private async Task<bool> Deliver(CancellationToken cancel)
    {
        try
        {
            return await DeliverBatch(Options.Batch, cancel) > 0;
        }
        catch (Exception e) when (IsCausedByEvent(e))
        {
            await ThrowIfSchemaMisfits(e, cancel);
            LogBatchFailed(e, Name);
        }

        for (var i = 0; i < Options.Batch; i++)
        {
            var cursor = new StrongBox<long>();
            try
            {
                if (await DeliverBatch(1, cancel, cursor) == 0)
                    return true;
            }
            catch (Exception e) when (IsCausedByEvent(e))
            {
                await ThrowIfSchemaMisfits(e, cancel);
                await Skip(cursor.Value, e, cancel);
            }
        }

        return true;
    }

    /// <param name="cursor">Receives the cursor before the handler is called.</param>
    /// <returns>The number of positions by which the cursor moved; 0 without new events, or while another process has the cursor.</returns>
    private async Task<long> DeliverBatch(int limit, CancellationToken cancel, StrongBox<long>? cursor = null)
    {
        await using var database = new Database(dependencies.Source);
        await database.Begin(cancel);
        if (await EventCursors.Take(Name, database, cancel) is not { } turn || turn.Cursor >= turn.Head)
            return 0;
        cursor?.Value = turn.Cursor;
        var to = Math.Min(turn.Head, turn.Cursor + limit);
        var events = await EventCursors.Read(turn.Cursor, to, limit, names, database, cancel);
        if (turn.HasWaiting && events.Count > 0)
            events = await Defer(events, database, cancel);
        if (events.Count > 0)
            await handler.Handle(events, database, cancel);
        await EventCursors.Advance(Name, to, database, cancel);
        await database.Commit();
        CountHandled(events);
        return to - turn.Cursor;
    }

    /// <summary>Puts events behind a waiting event of the same subject.</summary>
    /// <returns>The other events.</returns>
    private async Task<List<Event>> Defer(List<Event> events, Database database, CancellationToken cancel)
    {
        var all = events.Select(e => e.Subject).Distinct(StringComparer.Ordinal).ToArray();
        var subjects = await EventRetries.ListWaitingSubjects(Name, all, database, cancel);
        if (subjects.Count == 0)
            return events;
        var waiting = events.FindAll(e => subjects.Contains(e.Subject, StringComparer.Ordinal));
        await EventRetries.Defer(Name, waiting, Now, database, cancel);
        return events.FindAll(e => !subjects.Contains(e.Subject, StringComparer.Ordinal));
    }

    /// <summary>Moves the event after the cursor to the retries.</summary>
    /// <param name="failedAt">The cursor when the handler failed. If it has moved, another process has handled the event.</param>
    private async Task Skip(long failedAt, Exception exception, CancellationToken cancel)
    {
        await using var database = new Database(dependencies.Source);
        await database.Begin(cancel);
        if (await EventCursors.Take(Name, database, cancel) is not { } turn || turn.Cursor != failedAt)
            return;
        var to = turn.Cursor + 1;
        if (await EventCursors.Read(turn.Cursor, to, 1, names, database, cancel) is [var failed, ..])
        {
            var failure = Fail(failed, 1, exception);
            await EventRetries.AddFailed(failure, database, cancel);
            dependencies.Metrics.EventFailed(Name, failure.IsParked);
        }

        await EventCursors.Advance(Name, to, database, cancel);
        await database.Commit();
    }

    /// <summary>Tries the waiting events that are due. Events behind them become due as these succeed.</summary>
    private async Task<bool> Retry(CancellationToken cancel)
    {
        for (var tries = 0; tries < Options.Batch; tries++)
        {
            EventRetries.Due? due = null;
            try
            {
                await using var database = new Database(dependencies.Source);
                await database.Begin(cancel);
                if (await EventCursors.Take(Name, database, cancel) is not { HasWaiting: true })
                    return tries > 0;
                due = await EventRetries.FindDue(Name, Now, database, cancel);
                if (due is null)
                    return tries > 0;
                await handler.Handle([due.Event], database, cancel);
                await EventRetries.Remove(Name, due.Position, database, cancel);
                await database.Commit();
                CountHandled([due.Event]);
            }
            catch (Exception e) when (due is not null && IsCausedByEvent(e))
            {
                await ThrowIfSchemaMisfits(e, cancel);
                await using var database = new Database(dependencies.Source);
                await database.Begin(cancel);
                if (await EventCursors.Take(Name, database, cancel) is null)
                    return true;
                var failure = Fail(due.Event, due.Attempt + 1, e);
                await EventRetries.UpdateFailed(failure, database, cancel);
                dependencies.Metrics.EventFailed(Name, failure.IsParked);
                await database.Commit();
            }
        }

        return true;
    }

    private EventRetries.Failure Fail(Event failed, int attempt, Exception exception)
    {
        var isParked = attempt >= Options.MaxAttempts;
        if (isParked)
            LogParked(exception, Name, failed.Position, failed.Name);
        else
            LogFailed(exception, Name, failed.Position, failed.Name, attempt);
        var error = $"{exception.GetType().Name} on attempt {attempt}; the log has the details.";
        var runAt = Now + Backoff.Delay(attempt, Random.Shared.NextDouble());
        return new EventRetries.Failure(Name, failed, attempt, runAt, isParked, error);
    }

    /// <summary>
    /// False for a stop, an unreachable database and a plan that a migration made stale. A statement that runs too long is the handler's
    /// own, although Npgsql reports it like a lost connection.
    /// </summary>
    private static bool IsCausedByEvent(Exception exception) => exception switch
    {
        OperationCanceledException => false,
        PostgresException { SqlState: PostgresErrorCodes.QueryCanceled } or NpgsqlException { InnerException: TimeoutException } => true,
        _ => !PostgresErrors.IsAway(exception) && !PostgresErrors.IsStalePlan(exception),
    };

    /// <summary>
    /// Looks at the schema after a statement failed on a table, column or function. A migration may have removed it.
    /// </summary>
    private async Task ThrowIfSchemaMisfits(Exception exception, CancellationToken cancel)
    {
        if (exception is not PostgresException { SqlState: ['4', '2', ..] or ['3', 'F', ..] })
            return;
        var applied = await new Migrator(dependencies.Source, Migrator.Embedded).Status(cancel);
        if (Migrator.Misfits(Migrator.Embedded, applied) is [var misfit, ..])
            throw new SchemaMisfitException(misfit, exception);
    }

    private sealed class SchemaMisfitException(string misfit, Exception cause) : Exception(misfit, cause);

    private void CountHandled(List<Event> events)
    {
        var now = Now;
        foreach (var handled in events)
            dependencies.Metrics.EventHandled(Name, now - handled.At);
    }

    [LoggerMessage(84, LogLevel.Warning, "The handler {Handler} waits: the database's schema is not the one of this program.")]
    private partial void LogSchemaMisfit(Exception exception, string handler);

    [LoggerMessage(81, LogLevel.Warning, "The handler {Handler} failed on a batch of events. Each event is tried alone.")]
    private partial void LogBatchFailed(Exception exception, string handler);

    [LoggerMessage(82, LogLevel.Error,
        "The handler {Handler} failed on the event at position {Position} ({Name}), attempt {Attempt}. It is tried again later.")]
    private partial void LogFailed(Exception exception, string handler, long position, string name, int attempt);

    [LoggerMessage(83, LogLevel.Critical,
        "The handler {Handler} failed on the event at position {Position} ({Name}) for the last time. The event is parked. "
        + "After you mend the cause, replay it: ./caraway events replay --handler {Handler} --parked")]
    private partial void LogParked(Exception exception, string handler, long position, string name);
}
