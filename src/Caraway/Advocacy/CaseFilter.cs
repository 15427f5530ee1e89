using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Search;

namespace Caraway.Advocacy;

/// <summary>Which cases a list or a search wants, and the statements that find them, newest id first.</summary>
internal sealed record CaseFilter
{
    /// <summary>
    /// Cases are written almost in the order of their times. A bound on ids that is drawn from a time allows for this many.
    /// </summary>
    private const int Disorder = 10_000;

    /// <summary>The names of assignees, found one by one down the index.</summary>
    private const string FindAssignees = """
        with recursive names as (
            (select assignee from advocacy.cases where assignee is not null order by assignee limit 1)
            union all
            select (select c.assignee from advocacy.cases c where c.assignee > n.assignee order by c.assignee limit 1)
            from names n where n.assignee is not null
        )
        select assignee from names where platform.fold(assignee) like '%' || platform.like_text(@assignee) || '%'
        """;

    public static IReadOnlyList<SearchField> Fields { get; } =
        [new(SearchField.Status, CaseWorkflow.Table.Statuses), SearchField.Assignee, SearchField.Before, SearchField.After];

    /// <summary>A status of the workflow, so that it can be a literal.</summary>
    public string? Status { get; init; }

    /// <summary>Null: any, or no assignee.</summary>
    public string[]? Assignees { get; init; }

    /// <summary>Null: cases of any time.</summary>
    public DateTime? OpenedBefore { get; init; }

    public DateTime? OpenedAfter { get; init; }

    /// <summary>The text of the query; null when every case matches.</summary>
    public SearchQuery? Text { get; init; }

    /// <summary>Conditions on a case <c>c</c>.</summary>
    public string Conditions =>
        (Status is null ? "" : $" and c.current_status = '{Status}'")
        + (Assignees is null ? "" : " and c.assignee = any(@Assignees)")
        + Times("c");

    /// <summary>Adds what the text and the fields of a query say.</summary>
    public async Task<CaseFilter> With(SearchQuery query, Database database, CancellationToken cancel)
    {
        var assignees = Assignees;
        if (query[SearchField.AssigneeName] is { } assignee)
        {
            var named = await database.List<string>(FindAssignees, new { assignee }, cancel);
            assignees = assignees is null ? [.. named] : [.. assignees.Intersect(named, StringComparer.Ordinal)];
        }

        var status = query[SearchField.Status];
        return this with
        {
            Status = status ?? Status,
            // No case has two statuses.
            Assignees = Status is not null && status is not null && Status != status ? [] : assignees,
            OpenedBefore = query.Before,
            OpenedAfter = query.After,
            Text = query.HasText ? query : null,
        };
    }

    /// <summary>
    /// Common table expressions that find the newest <c>@Enough</c> cases with an id below <c>@Before</c>: <c>matches (at, key)</c>. They
    /// use the members of this filter and of its text as parameters.
    /// </summary>
    /// <param name="asked"><see cref="TextMatch.Asked"/>, or another expression for the query.</param>
    public string Matches(string asked)
    {
        if (Text is null)
            return $"matches as materialized ({Newest} limit @Enough)";
        var byIndex = $"""
            select null::timestamptz as at, w.case_id as key from advocacy.case_words w
            where {TextMatch.Indexed("w.words")} and w.case_id < @Before{Times("w")}{AsCase}
            """;
        return asked + ", " + new NewestMatches
        {
            Newest = Newest,
            HasRepeatedKeys = !IsFiltered,
            IsNarrow = IsFiltered || OpenedAfter is not null,
            Look = IsFiltered ? $"""
                cross join lateral (
                    select from advocacy.case_words w where w.case_id = b.key and w.words @@ {TextMatch.Query}{LimitClause.For(1)}
                ) w
                """ : "",
            Match = IsFiltered ? "true" : $"b.words @@ {TextMatch.Query}",
            Kind = SearchCases.KindName,
            Far = byIndex,
            Ids = new("w.case_id", Top, "(select min(case_id) from advocacy.case_words)"),
        }.Sql();
    }

    /// <summary>Whether an index of cases gives the newest ones; else the table of words does.</summary>
    private bool IsFiltered => Status is not null || Assignees is not null;

    private string AsCase =>
        IsFiltered ? $" and exists (select from advocacy.cases c where c.id = w.case_id{Conditions})" : "";

    private string Newest => (Assignees, Status, Text) switch
    {
        ({ }, _, _) => $"""
            select null::timestamptz as at, c.key
            from unnest(@Assignees) n (assignee) cross join lateral (
                select c.id as key from advocacy.cases c
                where c.assignee = n.assignee{(Status is null ? "" : $" and c.current_status = '{Status}'")}{Times("c")}{Bounds("c.id")}
                order by c.id desc{LimitClause.For(NewestMatches.Walked)}
            ) c
            order by c.key desc
            """,
        (null, null, { }) => $"""
            select null::timestamptz as at, w.case_id as key, w.words from advocacy.case_words w
            where true{Times("w")}{Bounds("w.case_id")} order by w.case_id desc, w.note_id desc
            """,
        _ => $"""
            select null::timestamptz as at, c.id as key from advocacy.cases c where true{Conditions}{Bounds("c.id")} order by c.id desc
            """,
    };

    /// <summary>The ids between which the times of the filter are.</summary>
    private string Bounds(string id) =>
        $" and {id} < @Before"
        + (OpenedBefore is null ? "" : $" and {id} < {Disorder} + {Opened("< @OpenedBefore", "desc")}")
        + (OpenedAfter is null ? "" : $" and {id} > {Opened(">= @OpenedAfter", "asc")} - {Disorder}");

    private string Top =>
        "least(@Before, (select max(case_id) from advocacy.case_words)"
        + (OpenedBefore is null ? ")" : $", {Opened("< @OpenedBefore", "desc")})");

    private static string Opened(string condition, string order) => $"""
        (select t.case_id from advocacy.case_words t where t.note_id = 0 and t.created_at {condition}
        order by t.created_at {order}, t.case_id {order}{LimitClause.For(1)})
        """;

    private string Times(string table) =>
        (OpenedBefore is null ? "" : $" and {table}.created_at < @OpenedBefore")
        + (OpenedAfter is null ? "" : $" and {table}.created_at >= @OpenedAfter");
}
