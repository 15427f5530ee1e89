using System.Text.Json.Serialization;
using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary><c>GET /cases</c>: a keyset page of cases, filtered by status and assignee, newest id first.</summary>
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

    /// <summary>The start of the statement. Each given filter adds a condition, so that every combination can use one index.</summary>
    internal const string Select = """
        select c.id as case_id, a.full_name as applicant_name, c.current_status, c.assignee, c.created_at, c.patient_id
        from advocacy.cases c
        join advocacy.applicants a on a.id = c.applicant_id
        where c.id < @Before
        """;

    internal const string Order = " order by c.id desc";

    public static async Task<Results<Ok<Response>, Refusal>> Handle(
        [CaseStatusWord] string? status, string? assignee, string? limit, string? cursor,
        PageSizes sizes, Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        if (Page.Read(limit, cursor, sizes, out var page) is { } refusal)
            return refusal;
        if (status is { Length: > 0 } && !CaseWorkflow.Table.Knows(status))
            return Refusal.InvalidQuery("status", $"The status must be one of {string.Join(", ", CaseWorkflow.Table.Statuses)}.");
        if (assignee?.Contains('\0', StringComparison.Ordinal) == true)
            return Refusal.InvalidQuery("assignee", "The assignee must not have the character U+0000.");

        // A literal tells the planner of a prepared statement how rare the status is. It is safe: the workflow knows the word.
        var sql = Select
            + (string.IsNullOrEmpty(status) ? "" : $" and c.current_status = '{status}'")
            + (string.IsNullOrEmpty(assignee) ? "" : " and c.assignee = @assignee")
            + Order + page.Take;
        var items = await database.List<Item>(sql, new { page.Before, assignee }, cancel);
        var next = page.Cut(items, item => item.CaseId);
        return accesses.Add(caller, To(items)) is { } unrecorded ? unrecorded : TypedResults.Ok(new Response(items, next));
    }

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
