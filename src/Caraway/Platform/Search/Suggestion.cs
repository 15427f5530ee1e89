using Caraway.Platform.Postgres;
using Caraway.Platform.Security;

namespace Caraway.Platform.Search;

/// <summary>
/// "Did you mean": for a query that finds nothing, one with similar words that does. It is offered only when it finds something that the
/// caller may see, and its words come from nowhere else (<see cref="ISearchSource.FindSimilar"/>).
/// </summary>
internal static class Suggestion
{
    private const int MostTries = 3;

    /// <param name="sources">Those in which the query can find something (<see cref="SearchQuery.For"/>).</param>
    public static async Task<SearchQuery?> Find(
        SearchQuery query, IReadOnlyList<ISearchSource> sources, DateTime now, Caller caller, Database database,
        CancellationToken cancel)
    {
        var words = SimilarWords.Of(query);
        if (words.Length == 0)
            return null;
        var tries = new List<(ISearchSource Source, Dictionary<string, string> Words, int Distance)>();
        foreach (var source in sources)
        {
            var similar = await source.FindSimilar(words, caller, database, cancel);
            tries.AddRange(Replacements(words, similar).Select(replaced => (source, replaced.Words, replaced.Distance)));
        }

        foreach (var (source, replaced, _) in tries.OrderBy(one => one.Distance).Take(MostTries))
        {
            var meant = query.Replace(replaced);
            var page = new SearchPage(1, now, long.MaxValue, long.MaxValue);
            if (await source.Search(meant.For(source.Fields)!, page, caller, database, cancel) is [_, ..])
                return meant;
        }

        return null;
    }

    /// <summary>
    /// Words to put in the place of others, and how far they are from these: the nearest of each unknown word, then the second of each.
    /// When the kind knows all words, one of them can still be another one.
    /// </summary>
    private static IEnumerable<(Dictionary<string, string> Words, int Distance)> Replacements(string[] words, List<SimilarWord> similar)
    {
        var known = similar.Where(word => word.Distance == 0).Select(word => word.Given).ToHashSet(StringComparer.Ordinal);
        var unknown = words.Where(word => !known.Contains(word)).ToList();
        var choices = words.ToDictionary(
            word => word, word => SimilarWords.Nearest(word, similar.Where(one => one.Distance > 0)).ToList(), StringComparer.Ordinal);
        if (unknown.Count == 0)
        {
            foreach (var word in words.Where(word => choices[word].Count > 0))
                yield return Replace([word], 0);
            yield break;
        }

        var isKnown = unknown.TrueForAll(word => choices[word].Count > 0);
        for (var place = 0; isKnown && unknown.Exists(word => choices[word].Count > place); place++)
            yield return Replace(unknown, place);

        (Dictionary<string, string>, int) Replace(List<string> replaced, int place)
        {
            var meant = replaced.ToDictionary(
                word => word, word => choices[word][Math.Min(place, choices[word].Count - 1)], StringComparer.Ordinal);
            return (meant, meant.Sum(pair => similar.First(one => one.Given == pair.Key && one.Word == pair.Value).Distance));
        }
    }
}
