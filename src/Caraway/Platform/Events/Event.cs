using System.Globalization;
using System.Text.Json;

namespace Caraway.Platform.Events;

/// <summary>An event with its position, as a handler receives it.</summary>
/// <param name="Position">Place among all events, from 1, without gaps.</param>
/// <param name="Subject">The changed record: <c>module.thing:id</c>.</param>
/// <param name="At">UTC.</param>
/// <param name="Payload">A JSON object; null after an erasure.</param>
internal sealed record Event(long Position, long Id, string Name, string Subject, DateTime At, string Actor, string? Payload)
{
    /// <summary>The id in the subject, which stays after an erasure of the payload.</summary>
    public long SubjectId => long.Parse(Subject.AsSpan(Subject.IndexOf(':', StringComparison.Ordinal) + 1), CultureInfo.InvariantCulture);

    /// <summary>Reads a 64-bit number from the payload.</summary>
    /// <returns>Null when the payload is erased, or its field is null or missing.</returns>
    public long? Number(string name)
    {
        if (Payload is null)
            return null;
        using var json = JsonDocument.Parse(Payload);
        return json.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetInt64() : null;
    }
}
