using System.Collections.Frozen;
using System.Text;

namespace Caraway.Platform.Workflows;

/// <summary>One legal move.</summary>
public sealed record Move(string From, string To);

/// <summary>
/// The legal moves of a thing, as data: enforced from here, answered by <c>GET /workflows</c>, drawn by it, and printed whole by a test.
/// A move from a status to itself is none: callers treat it as nothing to do.
/// </summary>
public sealed class Workflow
{
    private readonly FrozenDictionary<string, string[]> targets;

    /// <param name="name">Module and thing: <c>advocacy.case</c>.</param>
    /// <param name="statuses">Every status, in reading order; the first is where all begin.</param>
    public Workflow(string name, IReadOnlyList<string> statuses, IReadOnlyList<Move> moves)
    {
        Name = name;
        Statuses = statuses;
        Moves = moves;
        targets = statuses.ToFrozenDictionary(
            status => status, status => moves.Where(move => move.From == status).Select(move => move.To).ToArray(), StringComparer.Ordinal);
        if (moves.FirstOrDefault(move => !targets.ContainsKey(move.From) || !targets.ContainsKey(move.To)) is { } stray)
            throw new ArgumentException($"The workflow {name} moves from {stray.From} to {stray.To}, and one of them is no status of it.", nameof(moves));
    }

    public string Name { get; }

    public string Initial => Statuses[0];

    public IReadOnlyList<string> Statuses { get; }

    public IReadOnlyList<Move> Moves { get; }

    /// <summary>Statuses that nothing leaves.</summary>
    public IEnumerable<string> Final => Statuses.Where(status => targets[status].Length == 0);

    /// <summary>Whether the word is a status of this workflow, letter by letter.</summary>
    public bool Knows(string status) => targets.ContainsKey(status);

    /// <summary>Where one can go from <paramref name="status"/>, in the table's order.</summary>
    public IReadOnlyList<string> From(string status) => targets[status];

    /// <summary>From where one can come to <paramref name="status"/>: the guard of a move's SQL.</summary>
    public string[] Into(string status) => [.. Moves.Where(move => move.To == status).Select(move => move.From)];

    public bool Allows(string from, string to) => targets[from].Contains(to, StringComparer.Ordinal);

    /// <summary>A Mermaid state diagram.</summary>
    public string Draw()
    {
        var drawing = new StringBuilder("stateDiagram-v2\n").Append("    [*] --> ").Append(Initial).Append('\n');
        foreach (var move in Moves)
            drawing.Append("    ").Append(move.From).Append(" --> ").Append(move.To).Append('\n');
        foreach (var status in Final)
            drawing.Append("    ").Append(status).Append(" --> [*]\n");
        return drawing.ToString();
    }
}
