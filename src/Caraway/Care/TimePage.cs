using System.Globalization;
using Caraway.Platform.Http;

namespace Caraway.Care;

/// <summary>A keyset page of a bare array, latest time first; the next one's address is in the <c>Link</c> header (RFC 8288).</summary>
/// <param name="Time">Only what is earlier, or at that time with a lower id.</param>
internal readonly record struct TimePage(int Limit, DateTime Time, long Id)
{
    /// <summary>Also what a caller gets who asks for no page, as those of the earlier API do.</summary>
    public const int MaxLimit = 200;

    /// <summary>SQL's <c>limit</c> for the page and one row more; a literal, as in <see cref="Page.Take"/>.</summary>
    public string Take => string.Create(CultureInfo.InvariantCulture, $" limit {Limit + 1}");

    /// <returns>The refusal, or null when <paramref name="page"/> is good.</returns>
    public static Refusal? Read(string? limit, string? cursor, out TimePage page)
    {
        page = default;
        if (Page.Read(limit, null, out var plain) is { } refusal)
            return refusal;
        var rows = string.IsNullOrEmpty(limit) ? MaxLimit : long.TryParse(limit, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? (int)Math.Clamp(number, 1, MaxLimit) : plain.Limit == 1 ? 1 : MaxLimit;
        if (string.IsNullOrEmpty(cursor))
        {
            page = new TimePage(rows, DateTime.SpecifyKind(DateTime.MaxValue, DateTimeKind.Utc), long.MaxValue);
            return null;
        }

        var parts = cursor.Split('_');
        if (parts.Length != 2 || !long.TryParse(parts[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var micros) || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            || Math.Abs((decimal)micros) > 200_000_000_000_000_000m)
            return Refusal.InvalidQuery("cursor", "The cursor must be one of a Link header.");
        var ticks = DateTime.UnixEpoch.Ticks + (decimal)micros * TimeSpan.TicksPerMicrosecond;
        if (ticks < 0 || ticks > DateTime.MaxValue.Ticks)
            return Refusal.InvalidQuery("cursor", "The cursor must be one of a Link header.");
        page = new TimePage(rows, new DateTime((long)ticks, DateTimeKind.Utc), id);
        return null;
    }

    /// <summary>Cuts the rows to the page, and says where the next one is.</summary>
    public void Cut<T>(List<T> rows, Func<T, (DateTime Time, long Id)> key, HttpContext http)
    {
        if (rows.Count <= Limit)
            return;
        rows.RemoveRange(Limit, rows.Count - Limit);
        var (time, id) = key(rows[^1]);
        var micros = (time - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        http.Response.Headers.Link = string.Create(CultureInfo.InvariantCulture, $"<{http.Request.PathBase}{http.Request.Path}?limit={Limit}&cursor={micros}_{id}>; rel=\"next\"");
    }
}
