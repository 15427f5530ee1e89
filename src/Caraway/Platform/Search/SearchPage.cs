using System.Globalization;

namespace Caraway.Platform.Search;

/// <summary>A page of hits, best first: at most <paramref name="Limit"/> after a score and a key.</summary>
/// <param name="Now">The time of the first page, for which all pages compute how new a hit is.</param>
internal readonly record struct SearchPage(int Limit, DateTime Now, long Score, long Key)
{
    /// <summary>The hits to read: one more than the page holds, which shows whether there is a next page.</summary>
    public int Take => Limit + 1;
}

/// <summary>A place among the hits of several sources: the last one of a page.</summary>
internal sealed record SearchCursor(DateTime Now, long Score, string Kind, long Key)
{
    private const char Separator = '.';

    private long Micros => (Now - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Micros}{Separator}{Score}{Separator}{Kind}{Separator}{Key}");

    /// <returns>False when the text is not one of <see cref="ToString"/>.</returns>
    public static bool TryRead(string text, out SearchCursor? cursor)
    {
        cursor = null;
        var parts = text.Split(Separator);
        if (parts.Length != 4 || !TryNumber(parts[0], out var micros) || !TryNumber(parts[1], out var score)
            || !TryNumber(parts[3], out var key) || micros > Latest)
            return false;
        cursor = new SearchCursor(DateTime.UnixEpoch.AddTicks(micros * TimeSpan.TicksPerMicrosecond), score, parts[2], key);
        return true;
    }

    /// <summary>
    /// The page of one source after this place. Hits of the same score are in the order of the sources, then newest key first.
    /// </summary>
    /// <param name="order">Below 0 for a source that comes before the one of the place, above 0 for one after it.</param>
    public SearchPage PageOf(int order, int limit) =>
        new(limit, Now, Score, order < 0 ? long.MinValue : order > 0 ? long.MaxValue : Key);

    /// <summary>9000-01-01, in microseconds since 1970.</summary>
    private const long Latest = 221_845_392_000_000_000;

    private static bool TryNumber(string text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
