using System.Globalization;
using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Caraway.Support;

/// <summary>
/// <c>GET /api/v1/cases</c>: the caller's own and shared cases, newest first; agents, auditors and administrators see all. Page mode counts
/// every match; a <c>cursor</c> gives keyset pages in steady time. <c>GET /api/v1/cases/session/{session_id}</c> is the same list of one
/// session.
/// </summary>
internal static class ListCases
{
    public sealed record Response(IReadOnlyList<SupportCase.Response> Cases, long Total, long Page, int PageSize);

    public sealed record CursorResponse(IReadOnlyList<SupportCase.Response> Cases, string? NextCursor);

    /// <summary>A row of page mode. The total comes also when the page is empty; then the id is null.</summary>
    private sealed class Counted : SupportCase.Fields
    {
        public long Total { get; init; }

        public bool IsThere { get; init; }
    }

    public static Task<Results<Ok<CursorResponse>, Ok<Response>, Refusal>> Handle(
        [AsParameters] CaseFilter.Query query, string? page, [FromQuery(Name = "page_size")] string? pageSize, [Opaque] string? cursor,
        SupportPages pages, Caller caller, LinkedActors linked, AccessLog accesses, Database database, CancellationToken cancel) =>
        List(query, page, pageSize, cursor, pages, caller, linked, accesses, database, cancel);

    public static Task<Results<Ok<CursorResponse>, Ok<Response>, Refusal>> HandleSession(
        [FromRoute(Name = "session_id")] PathText sessionId, [AsParameters] CaseFilter.Query query,
        string? page, [FromQuery(Name = "page_size")] string? pageSize, [Opaque] string? cursor,
        SupportPages pages, Caller caller, LinkedActors linked, AccessLog accesses, Database database, CancellationToken cancel) =>
        List(query with { SessionId = sessionId.Value }, page, pageSize, cursor, pages, caller, linked, accesses, database, cancel);

    private static async Task<Results<Ok<CursorResponse>, Ok<Response>, Refusal>> List(
        CaseFilter.Query query, string? page, string? pageSize, string? cursor,
        SupportPages pages, Caller caller, LinkedActors linked, AccessLog accesses, Database database, CancellationToken cancel)
    {
        if (CaseFilter.Read(query, out var filter) is { } refusal)
            return refusal;
        if (pages.Read(page, pageSize, out var number, out var size) is { } badPage)
            return badPage;
        var scope = await SupportScope.Of(caller, linked, cancel);
        return cursor is null
            ? await Numbered(filter, number, size, scope, caller, accesses, database, cancel)
            : await Keyset(filter, cursor, size, scope, caller, accesses, database, cancel);
    }

    private static async Task<Results<Ok<CursorResponse>, Ok<Response>, Refusal>> Numbered(
        CaseFilter filter, long number, int size, SupportScope scope, Caller caller, AccessLog accesses, Database database,
        CancellationToken cancel)
    {
        var rows = await database.List<Counted>(
            CaseListSql.Numbered(filter, scope, size),
            new
            {
                scope.Me, skip = (number - 1) * size, filter.Severity, filter.Category, filter.Tag, filter.SessionId,
                filter.Marks, filter.TextTag, OpenedBefore = filter.Text.Before, OpenedAfter = filter.Text.After,
                filter.Text.Either, filter.Text.Words, filter.Text.Prefix,
            },
            cancel);
        var total = rows[0].Total;
        rows.RemoveAll(row => !row.IsThere);
        return accesses.Add(caller, SupportScope.Accessed(rows)) is { } unrecorded
            ? unrecorded
            : TypedResults.Ok(new Response(rows.ConvertAll(row => row.ToResponse()), total, number, size));
    }

    private static async Task<Results<Ok<CursorResponse>, Ok<Response>, Refusal>> Keyset(
        CaseFilter filter, string cursor, int size, SupportScope scope, Caller caller, AccessLog accesses, Database database,
        CancellationToken cancel)
    {
        if (TimePage.Read(size.ToString(CultureInfo.InvariantCulture), cursor, SupportPages.Any, out var page) is { } refusal)
            return refusal;
        var rows = await database.List<SupportCase.Row>(
            CaseListSql.Keyset(filter, scope, page),
            new
            {
                scope.Me, page.Time, page.Id, filter.Severity, filter.Category, filter.Tag, filter.SessionId,
                filter.Marks, filter.TextTag, OpenedBefore = filter.Text.Before, OpenedAfter = filter.Text.After,
                filter.Text.Either, filter.Text.Words, filter.Text.Prefix, Enough = page.Limit + 1,
            },
            cancel);
        var next = page.Cut(rows, row => (row.CreatedAt, row.Id));
        return accesses.Add(caller, SupportScope.Accessed(rows)) is { } unrecorded
            ? unrecorded
            : TypedResults.Ok(new CursorResponse(rows.ConvertAll(row => row.ToResponse()), next));
    }
}
