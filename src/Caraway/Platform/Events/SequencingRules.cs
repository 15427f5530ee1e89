namespace Caraway.Platform.Events;

/// <summary>An event without a position.</summary>
/// <param name="IsSettled">True once every transaction older than the event's own has ended.</param>
internal sealed record UnsequencedEvent(
    long Id, DateTime At, string Name, string Subject, string Actor, string? OnBehalfOf, string? RequestId, string? Address, byte[] Digest,
    bool IsSettled)
{
    public Envelope Envelope => new(Id, At, Name, Subject, Actor, OnBehalfOf, RequestId, Address);
}

/// <summary>Decides which events get positions. docs/adr/0015-sequencer.md gives the proof that no event is skipped.</summary>
internal static class SequencingRules
{
    /// <summary>
    /// Selects the events that may have their positions now, in order. An event waits while a transaction older than its own is open. It
    /// also waits behind a waiting event of the same subject: a transaction can have its number before it waits for the row that a later
    /// one holds.
    /// </summary>
    public static List<UnsequencedEvent> SelectReady(IReadOnlyList<UnsequencedEvent> waiting)
    {
        var held = new HashSet<string>(StringComparer.Ordinal);
        var ready = new List<UnsequencedEvent>(waiting.Count);
        foreach (var candidate in waiting)
        {
            if (candidate.IsSettled && !held.Contains(candidate.Subject))
                ready.Add(candidate);
            else
                held.Add(candidate.Subject);
        }

        return ready;
    }

    /// <summary>
    /// The id up to which every event has its position or was never committed. It holds once all transactions of the mark have ended.
    /// </summary>
    /// <param name="mark">The highest id drawn when the mark was set.</param>
    /// <param name="isComplete">Whether <paramref name="waiting"/> holds every waiting event.</param>
    public static long FindFinalId(
        long mark, IReadOnlyList<UnsequencedEvent> waiting, IReadOnlyList<UnsequencedEvent> ready, bool isComplete)
    {
        var taken = ready.Select(candidate => candidate.Id).ToHashSet();
        var first = waiting.FirstOrDefault(candidate => !taken.Contains(candidate.Id));
        return Math.Min(mark, first is not null ? first.Id - 1 : isComplete ? mark : waiting[^1].Id);
    }
}
