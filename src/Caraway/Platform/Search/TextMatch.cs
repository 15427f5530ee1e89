namespace Caraway.Platform.Search;

/// <summary>
/// A search text as PostgreSQL's <c>tsquery</c>, and SQL that compares it with <c>tsvector</c>s. The statements of all kinds use it. The
/// text never becomes part of a statement: <see cref="SearchQuery"/> gives its parts as the parameters <c>@Either</c>, <c>@Words</c> and
/// <c>@Prefix</c>.
/// </summary>
internal static class TextMatch
{
    /// <summary>A common table expression: the one row <c>asked</c>, which the other members of this class read.</summary>
    /// <remarks>
    /// <c>q</c> is the whole query: the alternatives before the last <c>or</c> (<c>either</c>), or all of the last alternative: its words
    /// but the last one (<c>words</c>), and a word that begins like the last one. Stemming removes stop words. A query of nothing else,
    /// such as the name Will, is therefore not stemmed, and finds the unstemmed words of <see cref="NameVector"/>. A query without any word
    /// finds nothing.
    /// <para>
    /// <c>lexeme</c> and <c>rest</c> are for <see cref="Lexemes.IndexQuery"/>. <c>lexeme</c> is the last word, stemmed. <c>rest</c> is the
    /// query without the last word. It finds all that <c>q</c> finds, and more. It is null when the last alternative has no other word,
    /// because what remains would find less than <c>q</c>.
    /// </para>
    /// <para>
    /// <c>single</c> asks for any of the words. PostgreSQL finds the fragment of a phrase or of several words, and ranks many words, with
    /// work that grows with powers of the times that a text repeats a word: one text could take seconds.
    /// </para>
    /// </remarks>
    public static readonly string Asked = $"""
        asked as materialized (
            select case when numnode(s.q) > 0 then s.q else p.q end as q, s.either, s.words,
                case when numnode(s.words) > 0 then s.either || s.words end as rest,
                (select lexeme collate "C" from unnest(to_tsvector('platform.words', @Prefix)) order by positions limit 1) as lexeme,
                coalesce(
                    (select string_agg(quote_literal(lexeme), ' | ')::tsquery
                    from unnest(to_tsvector('platform.words', @Either::text || ' ' || @Words::text))) || s.prefix, s.prefix) as single
            from (select either || (words && prefix) as q, either, words, prefix from (select {Parts("platform.words")}) parts) s,
                (select either || (words && prefix) as q from (select {Parts("platform.plain")}) parts) p
        )
        """;

    /// <summary>
    /// In the place of <see cref="Asked"/>, for names that are similar to those of the query: <c>@Similar</c> of <see cref="OneOfEach"/>.
    /// Its words are whole, so the columns for the last word are null.
    /// </summary>
    public const string AskedSimilar = """
        asked as materialized (
            select to_tsquery('platform.plain', @Similar) as q, null::tsquery as either, null::tsquery as words, null::tsquery as rest,
                null::text as lexeme
        )
        """;

    /// <summary>The query, for conditions: <c>words @@ {TextMatch.Query}</c>.</summary>
    public const string Query = "(select q from asked)";

    /// <summary>
    /// A condition: an index can find the query. An index finds words, so it cannot when only words to leave out remain. Of
    /// <c>the -denied</c> that is all that remains, because <c>the</c> is a stop word.
    /// </summary>
    public const string IsIndexable = "(select querytree(q) <> 'T' from asked)";

    /// <summary>An option of <c>ts_rank</c>: the rank is divided by itself plus 1, so that it is below 1.</summary>
    private const int BelowOne = 32;

    /// <summary>Words and operators: up to four words are ranked by how near they are to each other.</summary>
    private const int MostRanked = 7;

    /// <summary>
    /// A condition for an index on a vector. The index finds the rows of <see cref="Lexemes.IndexQuery"/>, which can leave out the last
    /// word; the second part therefore checks the whole query on each row. Its <c>is true</c> keeps the index from being asked for it too.
    /// </summary>
    public static string Indexed(string vector) => $"{vector} @@ (select q from indexed) and ({vector} @@ {Query}) is true";

    /// <summary>An SQL expression: how well a vector matches the query, from 0 to 1.</summary>
    public static string Relevance(string vector) =>
        $"ts_rank({vector}, (select case when numnode(q) > {MostRanked} then single else q end from asked), {BelowOne})::float8";

    /// <summary>
    /// The vector of a person's name: stemmed like other words, and also unstemmed, because a stop word can be a name. The weight A tells
    /// names from other words.
    /// </summary>
    public static string NameVector(string name) =>
        $"setweight(to_tsvector('platform.words', {name}) || to_tsvector('platform.plain', {name}), 'A')";

    /// <summary>
    /// A query in the language of <c>to_tsquery</c>. It finds a vector that has, for each choice, at least one of its names as a name
    /// (weight A of <see cref="NameVector"/>).
    /// </summary>
    /// <param name="choices">Words of letters only, so that nothing in them needs quoting.</param>
    public static string OneOfEach(IEnumerable<IReadOnlyList<string>> choices) => string.Join(
        " & ", choices.Select(choice => $"({string.Join(" | ", choice.Select(word => $"'{word}':A"))})"));

    /// <summary>
    /// The part of a text that has most words of the query, which stand between two control characters: <see cref="Fragment"/> reads
    /// them. The same characters in the text itself are removed before.
    /// </summary>
    public static string Headline(string text) =>
        $"ts_headline('platform.words', {WithoutSigns(text)}, (select single from asked), {Fragment.Options})";

    /// <summary>The beginning of a text, for a query without words.</summary>
    public static string Beginning(string text) => WithoutSigns($"left({text}, 200)");

    private static string WithoutSigns(string text) => $"translate({text}, E'\\x02\\x03', '')";

    /// <summary>The parts of the query, read in one configuration of PostgreSQL's text search.</summary>
    private static string Parts(string configuration) => $"""
        websearch_to_tsquery('{configuration}', @Either) as either, websearch_to_tsquery('{configuration}', @Words) as words,
            to_tsquery('{configuration}', @Prefix) as prefix
        """;
}
