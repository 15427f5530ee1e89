using System.Globalization;
using Caraway.Platform.Audit;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;

namespace Caraway.Platform.Search;

/// <summary>
/// A kind of thing that the search over all desks finds. A module implements it by its own rules: the platform reads no module's tables.
/// </summary>
internal interface ISearchSource
{
    /// <summary>The word for the kind in the API: <c>case</c>. Two sources can have one kind, when no caller may use both.</summary>
    string Kind { get; }

    /// <summary>
    /// The fields that a query can name, with the kind's own words. A query that names another field or word finds nothing of this kind.
    /// </summary>
    IReadOnlyList<SearchField> Fields { get; }

    /// <summary>Whether the caller finds anything of this kind.</summary>
    bool MayUse(Caller caller);

    /// <summary>
    /// The best of the newest thousand matches that the caller may see, best first, and one more than the page takes when there are more.
    /// Nothing of what others may see alone may change the answer, or the work that it takes.
    /// </summary>
    Task<List<SearchHit>> Search(SearchQuery query, SearchPage page, Caller caller, Database database, CancellationToken cancel);

    /// <summary>
    /// Words like the given ones: all words of the kind when the caller sees all of it, else words of texts that the caller may see.
    /// </summary>
    Task<List<SimilarWord>> FindSimilar(string[] words, Caller caller, Database database, CancellationToken cancel);

    /// <summary>Names the hits that an answer shows in the access log.</summary>
    AccessedRecords Accessed(IReadOnlyList<SearchHit> shown);

    /// <summary>The id of a hit in the API.</summary>
    string IdOf(long key) => key.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A match, as the statement of a source answers it.</summary>
/// <param name="Key">The number of the row; it orders hits of the same score.</param>
/// <param name="Score">See <see cref="Ranking"/>.</param>
/// <param name="Headline">See <see cref="TextMatch.Headline"/>.</param>
/// <param name="PatientId">Whose record it is, for the access log; null when it belongs to no user.</param>
internal sealed record SearchHit(
    long Key, long Score, string Title, string? Headline, string Status, DateTime UpdatedAt, long? PatientId)
{
    /// <summary>The page of the hits of several statements.</summary>
    public static List<SearchHit> Best(IEnumerable<SearchHit> hits, SearchPage page) =>
        [.. hits.DistinctBy(hit => hit.Key).OrderByDescending(hit => hit.Score).ThenByDescending(hit => hit.Key).Take(page.Take)];

    /// <summary>Names hits in the access log with their patients.</summary>
    public static AccessedRecords Accessed(string kind, IReadOnlyList<SearchHit> shown)
    {
        long[] patients = [.. shown.Select(hit => hit.PatientId).OfType<long>().Distinct()];
        return new AccessedRecords
        {
            Kind = kind, Ids = [.. shown.Select(hit => hit.Key)], PatientIds = patients.Length == 0 ? null : patients,
        };
    }
}

/// <summary>A word that is like one of the query.</summary>
/// <param name="Given">As the query has it.</param>
/// <param name="Folded">The same in lower case and without accents.</param>
/// <param name="Word">In lower case and without accents.</param>
internal sealed record SimilarWord(string Given, string Folded, string Word)
{
    public int Distance { get; } = EditDistance.Between(Folded, Word);
}
