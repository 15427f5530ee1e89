namespace Caraway.Platform.Search;

/// <summary>
/// The query as PostgreSQL's <c>tsquery</c>, for the statements of every kind. All parts of a query are parameters: <c>@Either</c>,
/// <c>@Words</c> and <c>@Prefix</c> of <see cref="SearchQuery"/>.
/// </summary>
internal static class TextMatch
{
    /// <summary>
    /// A common table expression <c>asked</c>: the query <c>q</c>, its parts <c>either</c> and <c>words</c>, the <c>lexeme</c> with which
    /// its last word begins, and the <c>rest</c> without that word, if each match has the rest. A query of nothing but stop words, such as
    /// the name Will, is looked for among the words of names, which are stored as they are. A query without any word finds nothing.
    /// </summary>
    public const string Asked = $"""
        asked as materialized (
            select case when numnode(s.q) > 0 then s.q else p.q end as q, s.either, s.words,
                case when numnode(s.words) > 0 then s.either || s.words end as rest,
                (select lexeme collate "C" from unnest(to_tsvector('platform.words', @Prefix)) order by positions limit 1) as lexeme
            from (select either || (words && prefix) as q, either, words from (select {Stemmed}) parts) s,
                (select either || (words && prefix) as q from (select {Plain}) parts) p
        )
        """;

    /// <summary>The same for names that are similar to those of the query: <c>@Similar</c> of <see cref="OneOfEach"/>.</summary>
    public const string AskedSimilar = """
        asked as materialized (
            select to_tsquery('platform.plain', @Similar) as q, null::tsquery as either, null::tsquery as words, null::tsquery as rest,
                null::text as lexeme
        )
        """;

    /// <summary>The query, for conditions: <c>words @@ {TextMatch.Query}</c>.</summary>
    public const string Query = "(select q from asked)";

    /// <summary>
    /// A condition: an index can find the query. For a query such as <c>the -denied</c>, of which only the word to leave out remains, none
    /// can.
    /// </summary>
    public const string IsIndexable = "(select querytree(q) <> 'T' from asked)";

    /// <summary>An option of <c>ts_rank</c>: the rank is divided by itself plus 1.</summary>
    private const int BelowOne = 32;

    private const string Stemmed = """
        websearch_to_tsquery('platform.words', @Either) as either, websearch_to_tsquery('platform.words', @Words) as words,
            to_tsquery('platform.words', @Prefix) as prefix
        """;

    private const string Plain = """
        websearch_to_tsquery('platform.plain', @Either) as either, websearch_to_tsquery('platform.plain', @Words) as words,
            to_tsquery('platform.plain', @Prefix) as prefix
        """;

    /// <summary>
    /// A condition for an index on a vector (<see cref="Lexemes.IndexQuery"/>). The second part is not for the index, which can be asked
    /// for less than the query says.
    /// </summary>
    public static string Indexed(string vector) => $"{vector} @@ (select q from indexed) and ({vector} @@ {Query}) is true";

    /// <summary>An SQL expression: how well a vector matches the query, from 0 to 1.</summary>
    public static string Relevance(string vector) => $"ts_rank({vector}, {Query}, {BelowOne})::float8";

    /// <summary>The vector of a person's name: stemmed as other words are, and as it is, for a stop word can be a name.</summary>
    public static string NameVector(string name) =>
        $"setweight(to_tsvector('platform.words', {name}) || to_tsvector('platform.plain', {name}), 'A')";

    /// <summary>Finds vectors with one of the names of each choice, in the language of <c>to_tsquery</c>.</summary>
    /// <param name="choices">Words of letters only, so that nothing in them needs quoting.</param>
    public static string OneOfEach(IEnumerable<IReadOnlyList<string>> choices) => string.Join(
        " & ", choices.Select(choice => $"({string.Join(" | ", choice.Select(word => $"'{word}':A"))})"));

    /// <summary>The part of a text around its matches, with the signs that <see cref="Fragment"/> reads.</summary>
    public static string Headline(string text) =>
        $"ts_headline('platform.words', translate({text}, E'\\x02\\x03', ''), {Query}, {Fragment.Options})";
}
