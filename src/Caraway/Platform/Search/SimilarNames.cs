namespace Caraway.Platform.Search;

/// <summary>Finds names that are similar to given ones: for each word one of the names of <see cref="SimilarWords.FindNames"/>.</summary>
internal static class SimilarNames
{
    /// <summary>Names for each word: the word itself, and those that can be meant.</summary>
    private const int Choices = SimilarWords.MostAlternatives + 1;

    /// <summary>A common table expression: the patterns of <c>@Names</c> (<see cref="Pad"/>), which find beginnings of words.</summary>
    public const string Patterns = """
        patterns as materialized (
            select array(
                select '% ' || platform.like_text(n.word) || '%' from unnest(@Names::text[]) with ordinality n (word, place)
                order by n.place) as p
        )
        """;

    /// <summary>The names of all words, as many for each. Null fills up: it matches nothing, and no index is read for it.</summary>
    public static string?[] Pad(IEnumerable<IReadOnlyList<string>> choices) =>
        [.. choices.SelectMany(names => Enumerable.Range(0, Choices).Select(n => names.ElementAtOrDefault(n)))];

    /// <summary>A condition on a column in the form of <see cref="NameMatch"/>.</summary>
    public static string On(string column, int words) => string.Join(
        " and ",
        Enumerable.Range(0, words).Select(word => $"({string.Join(
            " or ",
            Enumerable.Range(1, Choices).Select(n => $"{column} like (select p[{word * Choices + n}] from patterns)"))})"));
}
