using System.Text.Json.Serialization;
using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Search;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary><c>GET /cases</c>: a keyset page of cases, filtered by status, assignee and words, newest id first.</summary>
internal static class ListCases
{
    public sealed record Response(IReadOnlyList<Item> Items, long? NextCursor);

    /// <param name="PatientId">Only for the access log.</param>
    public sealed record Item(
        long CaseId,
        string ApplicantName,
        [property: CaseStatusWord] string CurrentStatus,
        string? Assignee,
        DateTime CreatedAt,
        [property: JsonIgnore] long? PatientId);

    private const string Columns =
        "select c.id as case_id, a.full_name as applicant_name, c.current_status, c.assignee, c.created_at, c.patient_id";

    /// <summary>The start of the statement. Each given filter adds a condition, so that every combination can use one index.</summary>
    internal const string Select = $"""
        {Columns}
        from advocacy.cases c
        join advocacy.applicants a on a.id = c.applicant_id
        where c.id < @Before
        """;

    internal const string Order = " order by c.id desc";

    public static async Task<Results<Ok<Response>, Refusal>> Handle(
        [CaseStatusWord] string? status, string? assignee, string? q, string? limit, string? cursor,
        PageSizes sizes, Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        if (Page.Read(limit, cursor, sizes, out var page) is { } refusal)
            return refusal;
        if (status is { Length: > 0 } && !CaseWorkflow.Table.Knows(status))
            return Refusal.InvalidQuery("status", $"The status must be one of {string.Join(", ", CaseWorkflow.Table.Statuses)}.");
        if (assignee?.Contains('\0', StringComparison.Ordinal) == true)
            return Refusal.InvalidQuery("assignee", "The assignee must not have the character U+0000.");
        if (SearchQuery.Read(q ?? "", CaseFilter.Fields, out var query) is { } badQuery)
            return badQuery;

        var filter = new CaseFilter
        {
            Status = string.IsNullOrEmpty(status) ? null : status, Assignees = string.IsNullOrEmpty(assignee) ? null : [assignee],
        };
        var items = string.IsNullOrWhiteSpace(q)
            ? await List(filter, page, assignee, database, cancel)
            : await Search(await filter.With(query, database, cancel), query, page, database, cancel);
        var next = page.Cut(items, item => item.CaseId);
        return accesses.Add(caller, To(items)) is { } unrecorded ? unrecorded : TypedResults.Ok(new Response(items, next));
    }

    private static Task<List<Item>> List(CaseFilter filter, Page page, string? assignee, Database database, CancellationToken cancel)
    {
        // A literal tells the planner of a prepared statement how rare the status is. It is safe: the workflow knows the word.
        var sql = Select
            + (filter.Status is null ? "" : $" and c.current_status = '{filter.Status}'")
            + (filter.Assignees is null ? "" : " and c.assignee = @assignee")
            + Order + page.Take;
        return database.List<Item>(sql, new { page.Before, assignee }, cancel);
    }

    /// <summary>Finds cases with the words of the query. When no case has them, it finds applicants with similar names.</summary>
    private static async Task<List<Item>> Search(
        CaseFilter filter, SearchQuery query, Page page, Database database, CancellationToken cancel)
    {
        var items = await Find(page, TextMatch.Asked, null);
        var isFirst = page.Before == long.MaxValue;
        if (items.Count > 0 || (!isFirst && (await Find(new Page(0, long.MaxValue), TextMatch.Asked, null)).Count > 0))
            return items;
        return query.IsPlain && await SimilarWords.FindNames(SearchCases.KindName, query.Tokens, database, cancel) is { } names
            ? await Find(page, TextMatch.AskedSimilar, TextMatch.OneOfEach(names))
            : items;

        Task<List<Item>> Find(Page part, string asked, string? similar) => database.List<Item>(
            SelectMatches(filter, asked),
            new
            {
                part.Before, filter.Assignees, filter.OpenedBefore, filter.OpenedAfter,
                query.Either, query.Words, query.Prefix, Similar = similar, Enough = part.Limit + 1,
            },
            cancel);
    }

    internal static string SelectMatches(CaseFilter filter, string asked) => $"""
        with {filter.Matches(asked)}
        {Columns}
        from matches m
        join advocacy.cases c on c.id = m.key
        join advocacy.applicants a on a.id = c.applicant_id
        order by c.id desc
        """;

    private static AccessedRecords To(List<Item> items)
    {
        long[] patients = [.. items.Where(item => item.PatientId is not null).Select(item => item.PatientId!.Value).Distinct()];
        return new AccessedRecords
        {
            Kind = CaseAccess.Kind,
            Ids = [.. items.Select(item => item.CaseId)],
            PatientIds = patients.Length == 0 ? null : patients,
        };
    }
}
