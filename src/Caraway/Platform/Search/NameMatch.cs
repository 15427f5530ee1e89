namespace Caraway.Platform.Search;

/// <summary>
/// Finds names and addresses by parts of them: every word occurs somewhere. A word of one or two letters finds only beginnings, for which
/// the index has trigrams. The column has a blank in front, and is folded (<c>platform.fold</c>).
/// </summary>
/// <param name="Wanted">For <c>@Wanted</c>: the words to find.</param>
/// <param name="Excluded">For <c>@Excluded</c>: the words to leave out.</param>
internal sealed record NameMatch(string[] Wanted, string[] Excluded)
{
    /// <summary>Number of words for which the index is asked; the others are looked for in what it gives.</summary>
    private const int Indexed = 3;

    /// <summary>A common table expression: the patterns of the words, made once for all rows.</summary>
    public static readonly string Patterns = $"""
        patterns as materialized (select {Of("@Wanted")} as wanted, {Of("@Excluded")} as excluded)
        """;

    /// <summary>Whether an index can find the words. Signs alone are in no trigram.</summary>
    public bool IsIndexable => Array.Exists(Wanted, word => word.Any(char.IsLetterOrDigit));

    /// <summary>The names that a query asks for: one match for each of its first alternatives.</summary>
    public static IEnumerable<NameMatch> Of(SearchQuery query) => query.Alternatives.Take(3).Select(words =>
        new NameMatch([.. words.Where(one => one.IsWanted).Select(one => one.Word)],
            [.. words.Where(one => !one.IsWanted).Select(one => one.Word)]));

    /// <summary>A condition on a column. It has the same text for all words, which are parameters.</summary>
    public static string On(string column) => $"""
        ({string.Join(
            " and ", Enumerable.Range(1, Indexed).Select(n => $"{column} like (select coalesce(wanted[{n}], '%') from patterns)"))}
            and {column} like all ((select wanted from patterns)::text[])
            and not {column} like any ((select excluded from patterns)::text[]))
        """;

    private static string Of(string words) => $"""
        array(
            select case when char_length(n.word) < 3 then '% ' else '%' end || platform.like_text(n.word) || '%'
            from unnest({words}::text[]) with ordinality n (word, place) order by char_length(n.word) desc, n.place)
        """;
}
