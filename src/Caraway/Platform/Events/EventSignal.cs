namespace Caraway.Platform.Events;

/// <summary>
/// Tells this process's sequencer that an event was committed, and its dispatcher that one got its position, so that neither waits for
/// its next poll. Other processes poll. Nothing is lost with it: the event is in the database. (One for the process, for every
/// <see cref="Postgres.Database"/> raises it; a needless wake-up is one look that finds nothing.)
/// </summary>
internal sealed class EventSignal
{
    private readonly SemaphoreSlim raised = new(0);

    public static EventSignal Written { get; } = new();

    public static EventSignal Sequenced { get; } = new();

    public void Raise()
    {
        // Two callers may both release: one round that finds nothing.
        if (raised.CurrentCount == 0)
            raised.Release();
    }

    /// <summary>Waits until it is raised, or the time is over.</summary>
    public Task Wait(TimeSpan longest, CancellationToken cancel) => raised.WaitAsync(longest, cancel);
}
