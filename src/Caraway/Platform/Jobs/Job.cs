using System.Text.Json;

namespace Caraway.Platform.Jobs;

/// <summary>A claimed job.</summary>
/// <param name="Subject">What it is about: <c>module.thing:id</c>.</param>
/// <param name="Payload">A JSON object.</param>
/// <param name="Attempt">The how-manieth try this is, from 1; with the worker's name it fences off a worker that lost its lease.</param>
internal sealed record Job(long Id, string Kind, string Subject, string Payload, int Attempt)
{
    /// <summary>A 64-bit number of the payload.</summary>
    public long Number(string name)
    {
        using var json = JsonDocument.Parse(Payload);
        return json.RootElement.GetProperty(name).GetInt64();
    }
}

/// <summary>How a job ended.</summary>
/// <param name="Outcome">A word for programs, shown by the tasks API; or null.</param>
/// <param name="Error">For people: why it failed for good; null when it succeeded.</param>
internal sealed record JobResult(string? Outcome, string? Error = null)
{
    public static JobResult Succeeded { get; } = new((string?)null);

    /// <summary>The work cannot be done, now or later: no further try.</summary>
    public static JobResult Failed(string sentence) => new(null, sentence);
}
