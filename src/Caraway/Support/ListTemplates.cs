using Caraway.Identity.Contracts;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Support;

/// <summary>
/// <c>GET /api/v1/case-templates</c> and <c>/{id}</c>: the caller's own templates and the global ones. A template is no patient's data, so
/// reading it leaves no access record.
/// </summary>
internal static class ListTemplates
{
    public sealed record Response(IReadOnlyList<CaseTemplate.Response> Items, long? NextCursor);

    internal const string Select = $"""
        select {CaseTemplate.Columns} from support.case_templates t where {CaseTemplate.Sees} and t.id < @Before order by t.id desc
        """;

    public static async Task<Results<Ok<Response>, Refusal>> Handle(
        string? limit, string? cursor, PageSizes sizes, Caller caller, LinkedActors linked, Database database, CancellationToken cancel)
    {
        if (Page.Read(limit, cursor, sizes, out var page) is { } refusal)
            return refusal;
        var scope = await SupportScope.Of(caller, linked, cancel);
        var rows = await database.List<CaseTemplate.Row>(Select + page.Take, new { scope.Me, page.Before }, cancel);
        var next = page.Cut(rows, row => row.Id);
        return TypedResults.Ok(new Response(rows.ConvertAll(row => row.ToResponse()), next));
    }

    public static async Task<Results<Tagged<CaseTemplate.Response>, Refusal>> HandleOne(
        RowId id, Caller caller, LinkedActors linked, Database database, CancellationToken cancel)
    {
        var scope = await SupportScope.Of(caller, linked, cancel);
        return await CaseTemplate.Find(id.Value, scope, database, cancel) is { } row ? row.ToAnswer() : CaseTemplate.NotFound;
    }
}
