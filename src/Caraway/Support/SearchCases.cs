using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Postgres;
using Caraway.Platform.Search;
using Caraway.Platform.Security;
using Caraway.Support.Contracts;

namespace Caraway.Support;

/// <summary>Support cases in the search over all desks: by title, tags and description, among those that the caller may see.</summary>
internal sealed class SearchCases(LinkedActors linked) : ISearchSource
{
    public const string KindName = "support_case";

    /// <summary>Texts of a caller's own cases from which similar words are taken.</summary>
    private const int OwnTexts = 200;

    private static readonly string SimilarOfAll = SimilarWords.Select(KindName);

    public string Kind => KindName;

    public IReadOnlyList<SearchField> Fields => CaseFilter.Fields;

    public bool MayUse(Caller caller) => caller.May(SupportPermissions.Read);

    public async Task<List<SearchHit>> Search(
        SearchQuery query, SearchPage page, Caller caller, Database database, CancellationToken cancel)
    {
        var scope = await SupportScope.Of(caller, linked, cancel);
        var filter = CaseFilter.Of(query);
        return await database.List<SearchHit>(
            Select(filter, scope),
            new
            {
                scope.All, scope.Me, filter.Marks, filter.TextTag, OpenedBefore = query.Before, OpenedAfter = query.After,
                query.Either, query.Words, query.Prefix, Enough = Ranking.Most, page.Now, page.Score, page.Key, page.Take,
            },
            cancel);
    }

    public async Task<List<SimilarWord>> FindSimilar(string[] words, Caller caller, Database database, CancellationToken cancel)
    {
        var scope = await SupportScope.Of(caller, linked, cancel);
        return await database.List<SimilarWord>(
            scope.All ? SimilarOfAll : SimilarOfOwn(scope), new { scope.All, scope.Me, words, Enough = OwnTexts }, cancel);
    }

    public AccessedRecords Accessed(IReadOnlyList<SearchHit> shown) => SearchHit.Accessed(SupportScope.Kind, shown);

    public string IdOf(long key) => CaseId.Write(key);

    /// <summary>Who may see a case is decided on its row, whatever found it.</summary>
    internal static string Select(CaseFilter filter, SupportScope scope) => $"""
        with {CaseMatches.Sql(filter, scope, isExact: false)}, ranked as (
            select m.key, {Ranking.Score(
                filter.Text.HasText ? TextMatch.Relevance("c.search") : "0.1::float8", "c.updated_at")} as score
            from matches m join support.cases c on c.id = m.key
            where {SupportScope.Sees}
        ), page as materialized (
            select key, score from ranked where {Ranking.AfterCursor}
        )
        select p.key, p.score, c.title, {(filter.Text.HasText ? Headline : TextMatch.Beginning("c.description"))} as headline,
            c.status, c.updated_at,
            case when c.owner like 'user:%' then substr(c.owner, 6)::bigint end as patient_id
        from page p join support.cases c on c.id = p.key
        order by p.score desc, p.key desc
        """;

    internal static string SimilarOfOwn(SupportScope scope) => SimilarWords.SelectFrom($"""
        with {CaseMatches.Sql(CaseFilter.Of(new SearchQuery()), scope, isExact: false)}
        select concat_ws(' ', c.title, c.description, platform.join_words(c.tags))
        from matches m join support.cases c on c.id = m.key
        where {SupportScope.Sees}
        """);

    private static readonly string Headline = TextMatch.Headline("case when c.description = '' then c.title else c.description end");
}
