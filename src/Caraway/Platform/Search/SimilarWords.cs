using Caraway.Platform.Postgres;

namespace Caraway.Platform.Search;

/// <summary>
/// The words of each kind's texts (<c>platform.search_words</c>), which event handlers keep, and searches in them by trigrams. They answer
/// only callers who see all of the kind; others get words of their own texts.
/// </summary>
internal static class SimilarWords
{
    private const int MostWords = 8;

    internal const int MostAlternatives = 5;

    /// <summary>Words to compare letter by letter. The trigrams of a word with one mistake can be more like another one.</summary>
    private const int Candidates = 12;

    /// <summary>A word of 3 to 40 letters, as a regular expression of PostgreSQL.</summary>
    private const string Word = "^[^0-9[:punct:][:space:]]{3,40}$";

    /// <summary>
    /// Adds the words of texts to those of a kind, in the module's event handler. The key alone finds those that exist, as in
    /// <see cref="Lexemes.Insert"/>.
    /// </summary>
    /// <param name="texts">A select of <c>text</c> and <c>is_name</c> (whether it is a person's name).</param>
    public static string Insert(string kind, string texts) => $"""
        with given as materialized (
            select l.lexeme, bool_or(t.is_name) as is_name
            from ({texts}) t (text, is_name) cross join lateral unnest(to_tsvector('platform.plain', t.text)) l
            where l.lexeme ~ '{Word}'
            group by l.lexeme
        ), added as (
            insert into platform.search_words (kind, word, is_name)
            select '{kind}', lexeme, is_name from given order by lexeme
            on conflict (kind, word) do nothing
        )
        update platform.search_words w set is_name = true
        where w.kind = '{kind}' and not w.is_name and w.word in (select lexeme from given where is_name)
        """;

    /// <summary>Words like <c>@words</c> among all of a kind.</summary>
    public static string Select(string kind, bool namesOnly = false) => $"""
        select g.given, f.folded, s.word
        from unnest(@words::text[]) g (given)
        cross join lateral (select platform.fold(g.given) as folded) f
        cross join lateral (
            select w.word from platform.search_words w
            where w.kind = '{kind}' and w.word % f.folded{(namesOnly ? " and w.is_name" : "")}
            order by similarity(w.word, f.folded) desc limit {Candidates}
        ) s
        """;

    /// <summary>Words like <c>@words</c> in texts that the caller may see.</summary>
    /// <param name="texts">A select of one column, with a limit.</param>
    public static string SelectFrom(string texts) => $"""
        with own as materialized (
            select distinct l.lexeme as word
            from ({texts}) t (text) cross join lateral unnest(to_tsvector('platform.plain', t.text)) l
            where l.lexeme ~ '{Word}'
        )
        select g.given, f.folded, s.word
        from unnest(@words::text[]) g (given)
        cross join lateral (select platform.fold(g.given) as folded) f
        cross join lateral (
            select o.word from own o where o.word % f.folded order by similarity(o.word, f.folded) desc limit {Candidates}
        ) s
        """;

    /// <summary>The words of a query that can be misspelt, for <c>@words</c>.</summary>
    public static string[] Of(SearchQuery query) => [.. query.PlainWords.Distinct(StringComparer.Ordinal).Take(MostWords)];

    /// <summary>
    /// Finds the names that may be meant: for each word the word itself and the most similar words of names.
    /// </summary>
    /// <param name="words">Words of letters only.</param>
    /// <returns>Null when no other name can be meant.</returns>
    public static async Task<List<List<string>>?> FindNames(
        string kind, IReadOnlyList<string> words, Database database, CancellationToken cancel)
    {
        if (words.Count is 0 or > MostWords)
            return null;
        var similar = await database.List<SimilarWord>(Select(kind, namesOnly: true), new { words = words.ToArray() }, cancel);
        var choices = words.Select(word => Nearest(word, similar).Prepend(word).Distinct(StringComparer.Ordinal).ToList()).ToList();
        return choices.TrueForAll(choice => choice.Count == 1) ? null : choices;
    }

    /// <summary>The words that can be meant by a word, most similar first.</summary>
    public static IEnumerable<string> Nearest(string given, IEnumerable<SimilarWord> similar) => similar
        .Where(word => word.Given == given && EditDistance.IsNear(word.Distance, word.Folded.Length))
        .OrderBy(word => word.Distance).ThenBy(word => word.Word, StringComparer.Ordinal)
        .Select(word => word.Word).Distinct(StringComparer.Ordinal).Take(MostAlternatives);
}
