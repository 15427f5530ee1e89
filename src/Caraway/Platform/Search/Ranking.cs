namespace Caraway.Platform.Search;

/// <summary>The order of hits: by relevance, which counts twice as much for a hit of today as for one of long ago.</summary>
internal static class Ranking
{
    /// <summary>The most matches of one kind that are ranked: the newest.</summary>
    public const int Most = 1_000;

    /// <summary>A hit of this age has lost half of what its newness gives.</summary>
    private const int HalfAgeSeconds = 90 * 24 * 60 * 60;

    /// <summary>An SQL expression: the score as a whole number, so that a cursor holds it exactly.</summary>
    /// <param name="relevance">From 0 to 1.</param>
    /// <param name="at">The time of the hit.</param>
    public static string Score(string relevance, string at) => $"""
        ({relevance} * (1 + 1 / (1 + greatest(extract(epoch from @Now - {at})::float8, 0) / {HalfAgeSeconds})) * 5e8)::bigint
        """;

    /// <summary>A condition and an order: the page after the cursor, of rows with <c>score</c> and <c>key</c>.</summary>
    public const string AfterCursor = "(score, key) < (@Score, @Key) order by score desc, key desc limit @Take";
}
