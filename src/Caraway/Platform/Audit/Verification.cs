namespace Caraway.Platform.Audit;

/// <summary>The result of a verification.</summary>
internal sealed record Verification
{
    /// <summary>Number of valid chain entries.</summary>
    public required long Entries { get; init; }

    /// <summary>Number of the valid entries whose payload was erased.</summary>
    public required long Erased { get; init; }

    /// <summary>Number of valid access records.</summary>
    public required long AccessRecords { get; init; }

    /// <summary>Number of events without a position. The newest events never have one yet.</summary>
    public required long Unsealed { get; init; }

    /// <summary>One sentence for each finding, the first broken entry first; empty when everything is valid.</summary>
    public required IReadOnlyList<string> Problems { get; init; }
}

/// <summary>Collects the findings of a verification.</summary>
internal sealed class Findings
{
    private const int MaxProblems = 20;

    private readonly List<string> problems = [];

    public IReadOnlyList<string> Problems => problems;

    public List<long> ErasedEvents { get; } = [];

    public long AccessRecords { get; set; }

    public void Add(string? problem)
    {
        if (problem is not null && problems.Count < MaxProblems)
            problems.Add(problem);
    }
}
