using Caraway.Platform.Postgres;

namespace Caraway.Platform.Events;

/// <summary>What follows from events. Its writes and its cursor are one transaction, so effects happen once.</summary>
internal interface IEventHandler
{
    /// <summary>The name of its cursor; never changed, for a new name begins at the first event.</summary>
    string Name { get; }

    /// <summary>The names of the events that it takes.</summary>
    IReadOnlyList<string> Events { get; }

    /// <summary>
    /// Does what follows from the events, in their order; in a replay again, so what it writes must bear a repetition. An exception undoes
    /// all of them; when there are several, each is then tried alone, so that one bad event holds up none but its own subject's.
    /// </summary>
    Task Handle(IReadOnlyList<Event> events, Database database, CancellationToken cancel);
}
