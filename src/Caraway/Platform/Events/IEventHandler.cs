using Caraway.Platform.Postgres;

namespace Caraway.Platform.Events;

/// <summary>Reacts to events. The handler's writes and its cursor are one transaction, so effects happen once.</summary>
internal interface IEventHandler
{
    /// <summary>The name of the handler's cursor. It must never change: a handler with a new name starts at the first event.</summary>
    string Name { get; }

    /// <summary>The names of the events that the handler receives.</summary>
    IReadOnlyList<string> Events { get; }

    /// <summary>
    /// Handles events in their order. A replay delivers them again, so the writes must be safe to repeat. An exception undoes the whole
    /// batch. Each event of the batch is then delivered alone, so that a bad event delays only events of its own subject.
    /// </summary>
    Task Handle(IReadOnlyList<Event> events, Database database, CancellationToken cancel);
}
