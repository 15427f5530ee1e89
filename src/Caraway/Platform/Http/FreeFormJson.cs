using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Caraway.Platform.Http;

/// <summary>A JSON object of the caller's own shape. It is stored as it was sent, so that numbers keep every digit.</summary>
internal static class FreeFormJson
{
    public const int Deepest = 16;

    private const string BadText = "This has text with half of a surrogate pair or the character U+0000.";

    /// <param name="mostBytes">A multiple of 1,024.</param>
    /// <returns>A sentence about the first fault; null when the data can be stored.</returns>
    public static string? FindFault(JsonElement data, int mostBytes)
    {
        if (data.ValueKind != JsonValueKind.Object)
            return "This must be a JSON object.";
        return Encoding.UTF8.GetByteCount(data.GetRawText()) > mostBytes
            ? string.Create(CultureInfo.InvariantCulture, $"This must have at most {mostBytes / 1024} KiB.")
            : FindFaultInside(data, 1);
    }

    /// <summary>Reads a stored object.</summary>
    public static JsonElement Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    private static string? FindFaultInside(JsonElement element, int depth)
    {
        if (depth > Deepest && element.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
            return "This must be nested at most 16 levels deep.";
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var names = new HashSet<string>(StringComparer.Ordinal);
                foreach (var property in element.EnumerateObject())
                {
                    if (!TryText(() => property.Name, out var name))
                        return BadText;
                    if (!names.Add(name))
                        return "This has the same name twice; one of the two values would be lost.";
                    if (FindFaultInside(property.Value, depth + 1) is { } fault)
                        return fault;
                }

                return null;
            case JsonValueKind.Array:
                return element.EnumerateArray().Select(item => FindFaultInside(item, depth + 1)).FirstOrDefault(fault => fault is not null);
            case JsonValueKind.String:
                return TryText(() => element.GetString()!, out _) ? null : BadText;
            default:
                return null;
        }
    }

    /// <summary>The database stores neither half of a surrogate pair nor U+0000.</summary>
    private static bool TryText(Func<string> read, out string text)
    {
        text = "";
        try
        {
            text = read();
        }
        catch (InvalidOperationException)
        {
            return false;
        }

        return !text.Contains('\0', StringComparison.Ordinal);
    }
}
