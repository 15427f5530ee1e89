using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Postgres;
using Caraway.Platform.Search;
using Caraway.Platform.Security;

namespace Caraway.Identity.Users;

/// <summary>
/// Users of every role in the search over all desks, found by name and e-mail address, for callers with <c>users:search</c>. For doctors,
/// who do not have it, Care has a source of the same kind that finds their own patients.
/// </summary>
internal sealed class SearchUsers : ISearchSource
{
    public const string KindName = "person";

    internal static readonly string Indexed = Select(isIndexable: true);

    /// <summary>For words that no index can find: it looks at the newest users only.</summary>
    private static readonly string Walked = Select(isIndexable: false);

    private static readonly string Similar = SimilarWords.Select(KindName);

    public string Kind => KindName;

    /// <summary>A user has no field such as <c>status:</c>, so a query with a field finds no user.</summary>
    public IReadOnlyList<SearchField> Fields => [];

    public bool MayUse(Caller caller) => caller.May(IdentityPermissions.UsersSearch);

    /// <summary>Runs one statement for each alternative of the query. Most queries have one: they do not contain <c>or</c>.</summary>
    public async Task<List<SearchHit>> Search(
        SearchQuery query, SearchPage page, Caller caller, Database database, CancellationToken cancel)
    {
        var hits = new List<SearchHit>();
        foreach (var names in NameMatch.Of(query))
        {
            hits.AddRange(await database.List<SearchHit>(
                names.IsIndexable ? Indexed : Walked,
                new
                {
                    names.Wanted, names.Excluded, Text = string.Join(' ', names.Wanted),
                    // Every page ranks the newest users, so that ids have no bound here. Score and key tell where the page begins.
                    Before = long.MaxValue, Enough = Ranking.Most, page.Now, page.Score, page.Key, page.Take,
                },
                cancel));
        }

        return SearchHit.Best(hits, page);
    }

    public Task<List<SimilarWord>> FindSimilar(string[] words, Caller caller, Database database, CancellationToken cancel) =>
        database.List<SimilarWord>(Similar, new { words }, cancel);

    public AccessedRecords Accessed(IReadOnlyList<SearchHit> shown) =>
        AccessedPatients.Create([.. shown.Select(hit => hit.PatientId).OfType<long>()]);

    /// <summary>
    /// Common table expressions that end in <c>matches (at, key)</c>: the newest <c>@Enough</c> users with an id below <c>@Before</c> that
    /// match. A user has no time here (<c>at</c> is null): the newest have the highest ids.
    /// </summary>
    /// <param name="condition">A condition on <c>search_text</c>.</param>
    /// <param name="isIndexable">Whether the index of <c>search_text</c> can find the condition.</param>
    /// <param name="others">Conditions on other columns, each with its leading <c>and</c>; empty for none.</param>
    internal static string Matches(string condition, bool isIndexable = true, string others = "")
    {
        var byIndex = $"select null::timestamptz as at, id as key from identity.users where {condition} and id < @Before{others}";
        return new NewestMatches
        {
            Newest = $"""
                select null::timestamptz as at, id as key, search_text from identity.users where id < @Before{others} order by id desc
                """,
            IsNarrow = others.Length > 0,
            Match = condition,
            IsIndexable = isIndexable ? "true" : "false",
            Far = byIndex,
            Ids = new(
                "id", "least(@Before, (select max(id) from identity.users))", "(select min(id) from identity.users)"),
        }.Sql();
    }

    private static string Select(bool isIndexable) => $"""
        with {NameMatch.Patterns}, {Matches(NameMatch.On("search_text"), isIndexable)}, folded as materialized (
            select platform.fold(@Text) as text
        ), ranked as (
            select u.id as key, u.full_name as title, u.email as headline,
                case when u.is_active then 'active' else 'inactive' end as status, u.updated_at,
                case when u.role = '{Roles.Patient}' then u.id end as patient_id,
                {Ranking.Score("word_similarity((select text from folded), u.search_text)::float8", "u.created_at")} as score
            from matches m join identity.users u on u.id = m.key
        )
        select key, score, title, headline, status, updated_at, patient_id
        from ranked where {Ranking.AfterCursor}
        """;
}
