using System.Text.Json;

namespace Caraway.Platform.Events;

/// <summary>An event that has its position, as a handler gets it.</summary>
/// <param name="Position">Its place among all events, from 1, without gaps.</param>
/// <param name="Subject">What changed: <c>module.thing:id</c>.</param>
/// <param name="At">UTC.</param>
/// <param name="Payload">A JSON object; null when it was erased.</param>
internal sealed record Event(long Position, long Id, string Name, string Subject, DateTime At, string Actor, string? Payload)
{
    /// <summary>A 64-bit number of the payload; null when it is null, not there, or erased.</summary>
    public long? Number(string name)
    {
        if (Payload is null)
            return null;
        using var json = JsonDocument.Parse(Payload);
        return json.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetInt64() : null;
    }
}
