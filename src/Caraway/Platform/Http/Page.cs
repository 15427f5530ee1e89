using System.Globalization;

namespace Caraway.Platform.Http;

/// <summary>A keyset page, newest first: at most <paramref name="Limit"/> rows with an id below <paramref name="Before"/>.</summary>
internal readonly record struct Page(int Limit, long Before)
{
    public const int DefaultLimit = 20;
    public const int MaxLimit = 100;

    private static readonly string[] Takes = [.. Enumerable.Range(0, MaxLimit + 1).Select(limit => string.Create(CultureInfo.InvariantCulture, $" limit {limit + 1}"))];

    /// <summary>
    /// SQL's <c>limit</c> for the page and one row more, which says whether there is a next one. A literal: of a parameter the planner of a
    /// prepared statement knows nothing, and reckons with a tenth of the table.
    /// </summary>
    public string Take => Takes[Limit];

    /// <summary>Reads <c>limit</c> (clamped to 1..100) and <c>cursor</c> (an id). Absent and empty are the defaults; what is no whole number is 422.</summary>
    /// <returns>The refusal, or null when <paramref name="page"/> is good.</returns>
    public static Refusal? Read(string? limit, string? cursor, out Page page)
    {
        page = default;
        if (!TryNumber(limit, DefaultLimit, out var rows))
            return Refusal.InvalidQuery("limit", "The limit must be a whole number.");
        if (!TryNumber(cursor, long.MaxValue, out var before))
            return Refusal.InvalidQuery("cursor", "The cursor must be one that a list answered as next_cursor.");
        page = new Page((int)Math.Clamp(rows, 1, MaxLimit), before);
        return null;
    }

    /// <summary>Numbers beyond 64 bits are numbers: they saturate.</summary>
    private static bool TryNumber(string? text, long absent, out long number)
    {
        number = absent;
        if (string.IsNullOrEmpty(text))
            return true;
        if (!text.Contains('\0', StringComparison.Ordinal) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number))
            return true;
        var digits = text.AsSpan(text[0] is '-' or '+' ? 1 : 0);
        number = text[0] == '-' ? long.MinValue : long.MaxValue;
        return digits.Length > 0 && !digits.ContainsAnyExceptInRange('0', '9');
    }
}
