using Caraway.Platform.Events;

namespace Caraway.Platform.Audit;

/// <summary>A chain entry with its event. The event's fields are null when the event is missing.</summary>
internal sealed record ChainEntry(
    long Position, long EventId, byte[] Hash, long? Id, DateTime? At, string? Name, string? Subject, string? Actor, string? OnBehalfOf,
    string? RequestId, string? Address, string? Payload, byte[]? Salt, byte[]? Digest)
{
    public Envelope Envelope => new(Id!.Value, At!.Value, Name!, Subject!, Actor!, OnBehalfOf, RequestId, Address);
}

/// <summary>The end of the chain, as the sequencer's row has it.</summary>
/// <param name="FinalId">Up to this id every event is in the chain, or was never committed.</param>
internal sealed record ChainEnd(long Position, byte[] Hash, long FinalId);

/// <summary>Checks the chain entry by entry, from the first one. Nothing can be said about the entries after a broken one.</summary>
/// <param name="checkpoint">An earlier end of the chain, its signature checked.</param>
/// <param name="began">The end of the chain before the walk.</param>
internal sealed class ChainWalk(Checkpoint? checkpoint, ChainEnd began)
{
    private byte[] hash = Chain.Genesis;

    /// <summary>The position of the last valid entry.</summary>
    public long Position { get; private set; }

    public bool IsBroken { get; private set; }

    /// <summary>Ends the walk at an entry that cannot be read.</summary>
    public void Break() => IsBroken = true;

    /// <returns>A sentence when the entry is broken, null when it is valid.</returns>
    public string? Take(ChainEntry entry)
    {
        if (FindProblem(entry) is { } problem)
        {
            IsBroken = true;
            return problem;
        }

        (Position, hash) = (entry.Position, entry.Hash);
        return null;
    }

    /// <summary>Compares the last entry with the sequencer's row and with the checkpoint.</summary>
    /// <param name="given">The last position that the sequencer has given, read after the walk.</param>
    public IEnumerable<string> CheckEnd(long given)
    {
        if (Position < began.Position)
            yield return $"The tail is missing: the chain ends at position {Position}, and position {began.Position} was given.";
        else if (Position > given)
            yield return $"The chain has entries up to position {Position}, but the sequencer's last position is {given}.";
        if (checkpoint is not null && Position < checkpoint.Position)
        {
            yield return
                $"The tail is missing: the chain ends at position {Position}, "
                + $"and at the checkpoint of {checkpoint.At} it ended at {checkpoint.Position}.";
        }
    }

    private string? FindProblem(ChainEntry entry)
    {
        var expected = Position + 1;
        if (entry.Position < expected)
            return $"The chain has an entry at position {entry.Position}, before the first position. Caraway did not write it.";
        if (entry.Position != expected)
            return $"Position {expected} is missing: the next entry is {entry.Position}.";
        if (entry.Id is null)
            return $"Position {expected}: event {entry.EventId} is missing.";
        if (FindPayloadProblem(entry) is { } problem)
            return problem;
        var computed = Chain.Hash(hash, expected, entry.Envelope, entry.Digest!);
        if (!computed.AsSpan().SequenceEqual(entry.Hash))
            return $"Position {expected}: event {entry.EventId} does not fit the chain. The event, its entry or their order was changed.";
        if (expected == began.Position && !computed.AsSpan().SequenceEqual(began.Hash))
            return $"Position {expected}: the sequencer's row has another hash than the chain.";
        return checkpoint is not null && expected == checkpoint.Position && Convert.ToHexStringLower(computed) != checkpoint.Hash
            ? $"Position {expected}: the chain differs from the checkpoint of {checkpoint.At}. "
                + "An entry at or before this position was rewritten."
            : null;
    }

    private static string? FindPayloadProblem(ChainEntry entry)
    {
        if (entry.Payload is null && entry.Name is (AccessLog.Recorded or EraseEvent.Erased))
            return $"Position {entry.Position}: event {entry.EventId} was erased, but the audit needs it.";
        if (entry.Payload is null != entry.Salt is null)
            return $"Position {entry.Position}: event {entry.EventId} is erased in part.";
        return entry.Payload is not null && !Chain.Digest(entry.Salt!, entry.Payload).AsSpan().SequenceEqual(entry.Digest)
            ? $"Position {entry.Position}: the payload of event {entry.EventId} was changed."
            : null;
    }
}
