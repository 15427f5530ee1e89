namespace Caraway.Platform.Events;

/// <summary>
/// Wakes this process's sequencer after the commit of an event, and its dispatcher after an event got its position, so that they need not
/// wait for their next poll. Other processes poll. A lost signal loses no event, because the event is in the database. The signals are
/// static because every <see cref="Postgres.Database"/> raises them; an unnecessary signal costs one query.
/// </summary>
internal sealed class EventSignal
{
    private readonly SemaphoreSlim raised = new(0);

    public static EventSignal Written { get; } = new();

    public static EventSignal Sequenced { get; } = new();

    public void Raise()
    {
        // Two callers may both release. The second one costs a round that finds no event.
        if (raised.CurrentCount == 0)
            raised.Release();
    }

    /// <summary>Waits for a signal, at most <paramref name="longest"/>.</summary>
    public Task Wait(TimeSpan longest, CancellationToken cancel) => raised.WaitAsync(longest, cancel);
}
