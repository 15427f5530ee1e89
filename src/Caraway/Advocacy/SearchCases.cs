using Caraway.Advocacy.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Postgres;
using Caraway.Platform.Search;
using Caraway.Platform.Security;

namespace Caraway.Advocacy;

/// <summary>
/// Cases in the search over all desks: by narrative, notes and applicant's name. Everybody who may read cases sees all of them.
/// </summary>
internal sealed class SearchCases : ISearchSource
{
    public const string KindName = "case";

    private static readonly string Similar = SimilarWords.Select(KindName);

    public string Kind => KindName;

    public IReadOnlyList<SearchField> Fields => CaseFilter.Fields;

    public bool MayUse(Caller caller) => caller.May(AdvocacyPermissions.Read);

    public async Task<List<SearchHit>> Search(
        SearchQuery query, SearchPage page, Caller caller, Database database, CancellationToken cancel)
    {
        var filter = await new CaseFilter().With(query, database, cancel);
        return await database.List<SearchHit>(
            Select(filter),
            new
            {
                Before = long.MaxValue, filter.Assignees, filter.OpenedBefore, filter.OpenedAfter,
                query.Either, query.Words, query.Prefix, Enough = Ranking.Most, page.Now, page.Score, page.Key, page.Take,
            },
            cancel);
    }

    public Task<List<SimilarWord>> FindSimilar(string[] words, Caller caller, Database database, CancellationToken cancel) =>
        database.List<SimilarWord>(Similar, new { words }, cancel);

    public AccessedRecords Accessed(IReadOnlyList<SearchHit> shown) => SearchHit.Accessed(CaseAccess.Kind, shown);

    /// <summary>Ranks each match by the best of its texts, the narrative or a note, and shows a fragment of that one.</summary>
    internal static string Select(CaseFilter filter) => $"""
        with {filter.Matches(TextMatch.Asked)}, ranked as (
            select m.key, best.note_id, {Ranking.Score("best.relevance", "best.created_at")} as score
            from matches m cross join lateral ({(filter.Text is null ? Plain : Best)}) best
        ), page as materialized (
            select key, note_id, score from ranked where {Ranking.AfterCursor}
        )
        select p.key, p.score, a.full_name as title, {(filter.Text is null ? TextMatch.Beginning("c.narrative") : Headline)} as headline,
            c.current_status as status, c.updated_at, c.patient_id
        from page p
        join advocacy.cases c on c.id = p.key
        join advocacy.applicants a on a.id = c.applicant_id
        left join advocacy.notes n on n.id = p.note_id
        order by p.score desc, p.key desc
        """;

    private static readonly string Best = $"""
        select w.note_id, w.created_at, {TextMatch.Relevance("w.words")} as relevance
        from advocacy.case_words w where w.case_id = m.key and w.words @@ {TextMatch.Query}
        order by relevance desc, w.note_id limit 1
        """;

    private const string Plain =
        "select 0::bigint as note_id, c.created_at, 0.1::float8 as relevance from advocacy.cases c where c.id = m.key";

    private static readonly string Headline = TextMatch.Headline("coalesce(n.body, c.narrative)");
}
