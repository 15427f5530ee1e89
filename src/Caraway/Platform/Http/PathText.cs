using System.Diagnostics.CodeAnalysis;

namespace Caraway.Platform.Http;

/// <summary>
/// Free text in a path. The server leaves <c>%2F</c> encoded, so that it does not end the segment; here it is a slash again.
/// </summary>
public readonly record struct PathText(string Value) : IParsable<PathText>, ITextId
{
    public static PathText Parse(string s, IFormatProvider? provider) => new(s.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase));

    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out PathText result)
    {
        result = Parse(s ?? "", provider);
        return true;
    }
}
