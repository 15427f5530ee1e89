using System.Text.Json;

namespace Caraway.Platform.Jobs;

/// <summary>A claimed job.</summary>
/// <param name="Subject">The thing that the job concerns: <c>module.thing:id</c>.</param>
/// <param name="Payload">A JSON object.</param>
/// <param name="Attempt">Number of the attempt, starting at 1. With the worker's name it fences off a worker that lost its lease.</param>
internal sealed record Job(long Id, string Kind, string Subject, string Payload, int Attempt)
{
    /// <summary>Reads a 64-bit number from the payload.</summary>
    public long Number(string name)
    {
        using var json = JsonDocument.Parse(Payload);
        return json.RootElement.GetProperty(name).GetInt64();
    }
}

/// <summary>The result of a job.</summary>
/// <param name="Outcome">A word for programs, which the tasks API shows; may be null.</param>
/// <param name="Error">The reason of a final failure, as a sentence for people; null when the job succeeded.</param>
internal sealed record JobResult(string? Outcome, string? Error = null)
{
    public static JobResult Succeeded { get; } = new((string?)null);

    /// <summary>A final failure: a further attempt could not succeed.</summary>
    public static JobResult Failed(string sentence) => new(null, sentence);
}
