using System.Collections.Frozen;
using System.Text;

namespace Caraway.Platform.Workflows;

/// <summary>One legal transition.</summary>
public sealed record Transition(string From, string To);

/// <summary>
/// The legal transitions between the statuses of a thing, as data. Use cases enforce this table, <c>GET /workflows</c> shows and draws it,
/// and a test prints all of it. A status has no transition to itself: a request for it changes nothing.
/// </summary>
public sealed class Workflow
{
    private readonly FrozenDictionary<string, string[]> targets;

    /// <param name="name">Module and thing: <c>advocacy.case</c>.</param>
    /// <param name="statuses">Every status, in reading order; the first is the initial one.</param>
    public Workflow(string name, IReadOnlyList<string> statuses, IReadOnlyList<Transition> transitions)
    {
        Name = name;
        Statuses = statuses;
        Transitions = transitions;
        targets = statuses.ToFrozenDictionary(
            status => status,
            status => transitions.Where(transition => transition.From == status).Select(transition => transition.To).ToArray(),
            StringComparer.Ordinal);
        if (transitions.FirstOrDefault(transition => !Knows(transition.From) || !Knows(transition.To)) is { } stray)
        {
            throw new ArgumentException(
                $"The workflow {name} has a transition from {stray.From} to {stray.To}, but not both statuses.", nameof(transitions));
        }
    }

    public string Name { get; }

    public string Initial => Statuses[0];

    public IReadOnlyList<string> Statuses { get; }

    public IReadOnlyList<Transition> Transitions { get; }

    /// <summary>The statuses without a transition to another one.</summary>
    public IEnumerable<string> Final => Statuses.Where(status => targets[status].Length == 0);

    /// <summary>Whether the word is a status of this workflow. Upper and lower case differ.</summary>
    public bool Knows(string status) => targets.ContainsKey(status);

    /// <summary>The statuses that a transition from <paramref name="status"/> leads to, in the table's order.</summary>
    public IReadOnlyList<string> From(string status) => targets[status];

    /// <summary>The statuses with a transition to <paramref name="status"/>; an update's SQL accepts only rows in one of them.</summary>
    public string[] Into(string status) =>
        [.. Transitions.Where(transition => transition.To == status).Select(transition => transition.From)];

    public bool Allows(string from, string to) => targets[from].Contains(to, StringComparer.Ordinal);

    /// <summary>A Mermaid state diagram.</summary>
    public string Draw()
    {
        var drawing = new StringBuilder("stateDiagram-v2\n").Append("    [*] --> ").Append(Initial).Append('\n');
        foreach (var transition in Transitions)
            drawing.Append("    ").Append(transition.From).Append(" --> ").Append(transition.To).Append('\n');
        foreach (var status in Final)
            drawing.Append("    ").Append(status).Append(" --> [*]\n");
        return drawing.ToString();
    }
}
