namespace Caraway.Platform.Search;

/// <summary>Takes the text of a search apart at white space. White space between quotes does not count.</summary>
internal static class QueryTokens
{
    public static List<string> Split(string text)
    {
        var tokens = new List<string>();
        var (start, isQuoted) = (0, false);
        for (var place = 0; place <= text.Length; place++)
        {
            if (place < text.Length && text[place] == '"')
                isQuoted = !isQuoted;
            if (place < text.Length && (isQuoted || !char.IsWhiteSpace(text[place])))
                continue;
            if (place > start)
                tokens.Add(text[start..place]);
            start = place + 1;
        }

        return tokens;
    }

    /// <summary>The field that a token names, and its value without quotes; null for a token that is text.</summary>
    public static (string Name, string Value)? FieldOf(string token)
    {
        var colon = token.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
            return null;
        var name = SearchField.All.FirstOrDefault(known => token.AsSpan(0, colon).Equals(known, StringComparison.OrdinalIgnoreCase));
        return name is null ? null : (name, token[(colon + 1)..].Trim('"').Trim());
    }
}
