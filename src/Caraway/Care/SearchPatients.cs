using Caraway.Care.Contracts;
using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Postgres;
using Caraway.Platform.Search;
using Caraway.Platform.Security;

namespace Caraway.Care;

/// <summary>
/// Persons in the search over all desks, for callers who may not search everybody: doctors find their own patients, as
/// <see cref="CareScope.SeesPatient"/> defines them. Others find nobody.
/// </summary>
internal sealed class SearchPatients : ISearchSource
{
    /// <summary>The patients of the doctor <c>@Me</c>.</summary>
    private const string Own = $"""
        select distinct own.patient_id as id from care.appointments own where {CareScope.GivenToDoctor} and {CareUsers.CallerIsDoctor}
        """;

    internal static readonly string Select = $"""
        with {NameMatch.Patterns}, own as materialized (
            {Own}
        ), matches as (
            select p.id as key, p.* from own o join identity.user_card p on p.id = o.id
            where {NameMatch.On("p.search_text")} order by p.id desc limit @Enough
        ), folded as materialized (
            select platform.fold(@Text) as text
        ), ranked as (
            select key, full_name as title, email as headline, case when is_active then 'active' else 'inactive' end as status, updated_at,
                id as patient_id,
                {Ranking.Score("word_similarity((select text from folded), search_text)::float8", "created_at")} as score
            from matches
        )
        select key, score, title, headline, status, updated_at, patient_id from ranked where {Ranking.AfterCursor}
        """;

    internal static readonly string Similar = SimilarWords.SelectFrom($"""
        select p.full_name from ({Own}) o join identity.user_card p on p.id = o.id order by p.id desc limit 1000
        """);

    public string Kind => "person";

    public IReadOnlyList<SearchField> Fields => [];

    public bool MayUse(Caller caller) =>
        caller.UserId is not null && caller.May(CarePermissions.Read) && !caller.May(IdentityPermissions.UsersSearch);

    public async Task<List<SearchHit>> Search(
        SearchQuery query, SearchPage page, Caller caller, Database database, CancellationToken cancel)
    {
        var hits = new List<SearchHit>();
        foreach (var names in NameMatch.Of(query))
        {
            hits.AddRange(await database.List<SearchHit>(
                Select,
                new
                {
                    Me = caller.UserId, names.Wanted, names.Excluded, Text = string.Join(' ', names.Wanted), Enough = Ranking.Most,
                    page.Now, page.Score, page.Key, page.Take,
                },
                cancel));
        }

        return SearchHit.Best(hits, page);
    }

    public Task<List<SimilarWord>> FindSimilar(string[] words, Caller caller, Database database, CancellationToken cancel) =>
        database.List<SimilarWord>(Similar, new { Me = caller.UserId, words }, cancel);

    public AccessedRecords Accessed(IReadOnlyList<SearchHit> shown) => AccessedPatients.Create([.. shown.Select(hit => hit.Key)]);
}
