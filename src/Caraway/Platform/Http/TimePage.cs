using System.Globalization;

namespace Caraway.Platform.Http;

/// <summary>
/// A keyset page, latest time first. A list that is a bare array puts the address of the next page into the <c>Link</c> header (RFC 8288).
/// </summary>
/// <param name="Time">The page has only rows with an earlier time, or with this time and an id below <paramref name="Id"/>.</param>
internal readonly record struct TimePage(int Limit, DateTime Time, long Id)
{
    /// <summary>SQL's <c>limit</c> for the page and one row more, which shows whether there is a next page.</summary>
    public string Take => LimitClause.For(Limit + 1);

    private static Refusal BadCursor { get; } = Refusal.InvalidQuery("cursor", "The cursor must be one that a list answered.");

    /// <summary>
    /// Reads <c>limit</c> and <c>cursor</c> (microseconds since 1970, an underscore, an id). Absent and empty values mean the defaults.
    /// </summary>
    /// <returns>The refusal, or null when <paramref name="page"/> is good.</returns>
    public static Refusal? Read(string? limit, string? cursor, PageSizes sizes, out TimePage page)
    {
        page = default;
        if (Page.ReadLimit(limit, sizes, out var rows) is { } refusal)
            return refusal;
        if (string.IsNullOrEmpty(cursor))
        {
            page = new TimePage(rows, DateTime.SpecifyKind(DateTime.MaxValue, DateTimeKind.Utc), long.MaxValue);
            return null;
        }

        var parts = cursor.Split('_');
        if (parts.Length != 2
            || !long.TryParse(parts[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var micros)
            || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            return BadCursor;
        // Decimal holds every product of the two; a long does not.
        var ticks = DateTime.UnixEpoch.Ticks + (decimal)micros * TimeSpan.TicksPerMicrosecond;
        if (ticks < 0 || ticks > DateTime.MaxValue.Ticks)
            return BadCursor;
        page = new TimePage(rows, new DateTime((long)ticks, DateTimeKind.Utc), id);
        return null;
    }

    /// <summary>Removes the row beyond the page, and sets the header <c>Link</c> when there is a next page.</summary>
    /// <param name="rows">One more than the page takes when there is a next page.</param>
    public void Cut<T>(List<T> rows, Func<T, (DateTime Time, long Id)> key, HttpContext http)
    {
        if (Cut(rows, key) is { } cursor)
        {
            http.Response.Headers.Link = string.Create(
                CultureInfo.InvariantCulture, $"<{http.Request.PathBase}{http.Request.Path}?limit={Limit}&cursor={cursor}>; rel=\"next\"");
        }
    }

    /// <summary>Removes the row beyond the page.</summary>
    /// <returns>The cursor of the next page, or null on the last one.</returns>
    public string? Cut<T>(List<T> rows, Func<T, (DateTime Time, long Id)> key)
    {
        if (rows.Count <= Limit)
            return null;
        rows.RemoveRange(Limit, rows.Count - Limit);
        var (time, id) = key(rows[^1]);
        var micros = (time - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        return string.Create(CultureInfo.InvariantCulture, $"{micros}_{id}");
    }
}
