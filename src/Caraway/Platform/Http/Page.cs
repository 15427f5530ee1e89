using System.Collections.Concurrent;
using System.Globalization;

namespace Caraway.Platform.Http;

/// <summary>A keyset page, newest first: at most <paramref name="Limit"/> rows with an id below <paramref name="Before"/>.</summary>
internal readonly record struct Page(int Limit, long Before)
{
    /// <summary>SQL's <c>limit</c> for the page and one row more, which shows whether there is a next page.</summary>
    public string Take => LimitClause.For(Limit + 1);

    /// <summary>
    /// Reads <c>limit</c> and <c>cursor</c> (an id). Absent and empty values mean the defaults; text that is not a whole number is 422.
    /// </summary>
    /// <returns>The refusal, or null when <paramref name="page"/> is good.</returns>
    public static Refusal? Read(string? limit, string? cursor, PageSizes sizes, out Page page)
    {
        page = default;
        if (ReadLimit(limit, sizes, out var rows) is { } refusal)
            return refusal;
        if (!TryNumber(cursor, long.MaxValue, out var before))
            return Refusal.InvalidQuery("cursor", "The cursor must be one that a list answered as next_cursor.");
        page = new Page(rows, before);
        return null;
    }

    /// <summary>Removes the row beyond the page.</summary>
    /// <param name="rows">One more than the page takes when there is a next page.</param>
    /// <returns>The cursor of the next page, or null on the last one.</returns>
    public long? Cut<T>(List<T> rows, Func<T, long> id)
    {
        if (rows.Count <= Limit)
            return null;
        rows.RemoveRange(Limit, rows.Count - Limit);
        return id(rows[^1]);
    }

    /// <summary>The one reader of <c>limit</c>, also for <see cref="TimePage"/>. A number outside the sizes is clamped to them.</summary>
    internal static Refusal? ReadLimit(string? limit, PageSizes sizes, out int rows)
    {
        var isNumber = TryNumber(limit, sizes.DefaultSize, out var number);
        rows = (int)Math.Clamp(number, 1, sizes.MaxSize);
        return isNumber ? null : Refusal.InvalidQuery("limit", "The limit must be a whole number.");
    }

    /// <summary>Numbers beyond 64 bits are numbers: they saturate.</summary>
    private static bool TryNumber(string? text, long absent, out long number)
    {
        number = absent;
        if (string.IsNullOrEmpty(text))
            return true;
        // long.TryParse takes a number with U+0000 behind it.
        if (!text.Contains('\0', StringComparison.Ordinal)
            && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number))
            return true;
        var digits = text.AsSpan(text[0] is '-' or '+' ? 1 : 0);
        number = text[0] == '-' ? long.MinValue : long.MaxValue;
        return digits.Length > 0 && !digits.ContainsAnyExceptInRange('0', '9');
    }
}

/// <summary>
/// SQL's <c>limit</c> as a literal: the planner of a prepared statement knows no parameter's value, and assumes a tenth of the table. Each
/// text is made once.
/// </summary>
internal static class LimitClause
{
    private static readonly ConcurrentDictionary<int, string> Clauses = new();

    public static string For(int rows) =>
        Clauses.GetOrAdd(rows, static rows => string.Create(CultureInfo.InvariantCulture, $" limit {rows}"));
}
