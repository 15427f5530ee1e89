using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary><c>GET /cases</c>: cases by status and assignee, newest id first, a keyset page at a time.</summary>
internal static class ListCases
{
    public sealed record Response(IReadOnlyList<Item> Items, long? NextCursor);

    public sealed record Item(long CaseId, string ApplicantName, string CurrentStatus, string? Assignee, DateTime CreatedAt);

    /// <summary>The filters that are given make the statement: four in all, each a walk down one index.</summary>
    internal const string Select = """
        select c.id as case_id, a.full_name as applicant_name, c.current_status, c.assignee, c.created_at
        from advocacy.cases c
        join advocacy.applicants a on a.id = c.applicant_id
        where c.id < @Before
        """;

    internal const string Order = " order by c.id desc";

    public static async Task<Results<Ok<Response>, Refusal>> Handle(
        string? status, string? assignee, string? limit, string? cursor, Database database, CancellationToken cancel)
    {
        if (Page.Read(limit, cursor, out var page) is { } refusal)
            return refusal;
        if (status is { Length: > 0 } && !CaseWorkflow.Table.Knows(status))
            return Refusal.InvalidQuery("status", $"The status must be one of {string.Join(", ", CaseWorkflow.Table.Statuses)}.");
        if (assignee?.Contains('\0', StringComparison.Ordinal) == true)
            return Refusal.InvalidQuery("assignee", "The assignee has the character U+0000, which nobody's name has.");

        var sql = Select
            + (string.IsNullOrEmpty(status) ? "" : " and c.current_status = @status")
            + (string.IsNullOrEmpty(assignee) ? "" : " and c.assignee = @assignee")
            + Order + page.Take;
        var items = await database.List<Item>(sql, new { page.Before, status, assignee }, cancel);
        if (items.Count <= page.Limit)
            return TypedResults.Ok(new Response(items, null));
        items.RemoveAt(page.Limit);
        return TypedResults.Ok(new Response(items, items[^1].CaseId));
    }
}
