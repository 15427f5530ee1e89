namespace Caraway.Platform.Audit;

/// <summary>The patients' records that an answer contains.</summary>
internal sealed record AccessedRecords
{
    /// <summary><c>module.thing</c>, as in the subjects of events.</summary>
    public required string Kind { get; init; }

    public required long[] Ids { get; init; }

    /// <summary>The users to whom the records belong; null when no record names a user.</summary>
    public long[]? PatientIds { get; init; }
}
