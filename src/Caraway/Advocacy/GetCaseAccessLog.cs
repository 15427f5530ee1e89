using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary><c>GET /cases/{id}/access-log</c>: the accesses to a case, newest first, each with its caller, time and reason.</summary>
internal static class GetCaseAccessLog
{
    internal static readonly string Select = AccessPage.Select(
        batch: "b.ids @> array[@id] and b.kind = 'advocacy.case'", record: "a.ids @> array[@id] and a.kind = 'advocacy.case'");

    public static async Task<Results<Ok<AccessPage>, Refusal>> Handle(
        RowId id,
        string? limit,
        string? cursor,
        PageSizes sizes,
        Caller caller,
        AccessLog accesses,
        Database database,
        CancellationToken cancel)
    {
        if (Page.Read(limit, cursor, sizes, out var page) is { } refusal)
            return refusal;
        if (await database.First<CaseAccess.Parent>(CaseAccess.Select, new { id.Value }, cancel) is not { } parent)
            return Refusal.NotFound(ProblemCodes.CaseNotFound, "Case not found");
        var entries = await database.List<AccessEntry>(Select + page.Take, new { id = id.Value, page.Before }, cancel);
        if (accesses.Add(caller, CaseAccess.To(parent)) is { } unrecorded)
            return unrecorded;
        return TypedResults.Ok(AccessPage.Create(entries, page));
    }
}
