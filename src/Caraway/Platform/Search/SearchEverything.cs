using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Platform.Search;

/// <summary>
/// <c>GET /api/v1/search</c>: finds what the caller may see, of every kind, best first. Each kind is one question to its module.
/// </summary>
internal static class SearchEverything
{
    /// <param name="NextCursor">Null on the last page.</param>
    /// <param name="DidYouMean">A query that finds something, when this one finds nothing.</param>
    public sealed record Response(IReadOnlyList<Item> Items, string? NextCursor, string? DidYouMean);

    /// <param name="Kind">Which desk's record it is: <c>case</c>, <c>support_case</c>, <c>person</c>, <c>appointment</c>.</param>
    /// <param name="Fragment">The part of the text around the matches; plain text, not HTML.</param>
    /// <param name="Marks">Where the words of the query are in the fragment.</param>
    public sealed record Item(
        string Kind, string Id, string Title, string? Fragment, IReadOnlyList<Fragment.Mark> Marks, string Status, DateTime UpdatedAt);

    private sealed record Found(ISearchSource Source, int Order, SearchHit Hit);

    public static async Task<Results<Ok<Response>, Refusal>> Handle(
        string? q, string? kinds, string? limit, [Opaque] string? cursor, PageSizes sizes, IEnumerable<ISearchSource> sources,
        Caller caller, AccessLog accesses, Database database, TimeProvider time, CancellationToken cancel)
    {
        if (Http.Page.ReadLimit(limit, sizes, out var size) is { } badLimit)
            return badLimit;
        SearchCursor? after = null;
        if (!string.IsNullOrEmpty(cursor) && !SearchCursor.TryRead(cursor, out after))
            return Refusal.InvalidQuery("cursor", "The cursor must be one that a search answered as next_cursor.");
        if (ReadKinds(kinds, sources, out var asked) is { } badKinds)
            return badKinds;
        if (string.IsNullOrWhiteSpace(q))
            return Refusal.InvalidQuery("q", "Write what to search for.");
        if (SearchQuery.Read(q, SearchField.Join(sources.SelectMany(source => source.Fields)), out var query) is { } refusal)
            return refusal;

        var usable = asked.Where(source => source.MayUse(caller) && query.For(source.Fields) is not null).ToList();
        var now = time.GetUtcNow().UtcDateTime;
        var found = new List<Found>();
        var lastKind = usable.FindIndex(source => source.Kind == after?.Kind);
        for (var order = 0; order < usable.Count; order++)
        {
            var page = after?.PageOf(order.CompareTo(lastKind), size) ?? new SearchPage(size, now, long.MaxValue, long.MaxValue);
            var hits = await usable[order].Search(query.For(usable[order].Fields)!, page, caller, database, cancel);
            found.AddRange(hits.Select(hit => new Found(usable[order], order, hit)));
        }

        var shown = found.OrderByDescending(one => one.Hit.Score).ThenBy(one => one.Order).ThenByDescending(one => one.Hit.Key)
            .Take(size).ToList();
        if (Record(shown, caller, accesses) is { } unrecorded)
            return unrecorded;
        var next = found.Count > size
            ? new SearchCursor(after?.Now ?? now, shown[^1].Hit.Score, shown[^1].Source.Kind, shown[^1].Hit.Key).ToString()
            : null;
        var meant = shown.Count == 0 && after is null ? await Suggestion.Find(query, usable, now, caller, database, cancel) : null;
        return TypedResults.Ok(new Response(shown.ConvertAll(ToItem), next, meant?.ToString()));
    }

    private static Refusal? ReadKinds(string? kinds, IEnumerable<ISearchSource> sources, out IEnumerable<ISearchSource> asked)
    {
        asked = sources;
        if (string.IsNullOrEmpty(kinds))
            return null;
        var (words, known) = (kinds.Split(','), sources.Select(source => source.Kind).Distinct(StringComparer.Ordinal).ToList());
        asked = sources.Where(source => words.Contains(source.Kind, StringComparer.Ordinal));
        return Array.TrueForAll(words, word => known.Contains(word, StringComparer.Ordinal))
            ? null
            : Refusal.InvalidQuery("kinds", $"The kinds must be a list, with commas, of {string.Join(", ", known)}.");
    }

    private static Refusal? Record(List<Found> shown, Caller caller, AccessLog accesses)
    {
        foreach (var kind in shown.GroupBy(one => one.Source))
        {
            if (accesses.Add(caller, kind.Key.Accessed([.. kind.Select(one => one.Hit)])) is { } unrecorded)
                return unrecorded;
        }

        return null;
    }

    private static Item ToItem(Found one)
    {
        var (source, hit) = (one.Source, one.Hit);
        var fragment = hit.Headline is null ? null : Fragment.Read(hit.Headline);
        return new Item(source.Kind, source.IdOf(hit.Key), hit.Title, fragment?.Text, fragment?.Marks ?? [], hit.Status, hit.UpdatedAt);
    }
}
