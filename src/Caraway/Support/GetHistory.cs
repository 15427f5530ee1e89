using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Caraway.Support.Contracts;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Caraway.Support;

/// <summary>
/// <c>GET /api/v1/cases/{case_id}/history</c>: every move and change of a case, newest first. Readers with a share do not see with whom
/// else the case is shared.
/// </summary>
internal static class GetHistory
{
    private static readonly string[] SharingNames = [SupportEvents.CaseShared, SupportEvents.CaseUnshared];

    internal const string Select = $"""
        select {HappenedEvent.Columns} from platform.events e
        where e.subject = @subject and e.id < @Before
            and (e.name <> all(@SharingNames) or @All or exists (select from support.cases c where c.id = @id and {SupportScope.IsOwner}))
        order by e.id desc
        """;

    public static async Task<Results<Ok<Timeline>, Refusal>> Handle(
        [FromRoute(Name = "case_id")] CaseId caseId, string? limit, string? cursor, PageSizes sizes, Caller caller, LinkedActors linked,
        AccessLog accesses, Database database, CancellationToken cancel)
    {
        if (Page.Read(limit, cursor, sizes, out var page) is { } refusal)
            return refusal;
        var scope = await SupportScope.Of(caller, linked, cancel);
        var (found, events) = await database.Many(
            $"{GetCase.Select};{Select}{page.Take}",
            new
            {
                id = caseId.Value, scope.All, scope.Me, scope.Owns, subject = $"{SupportScope.Kind}:{caseId}", page.Before, SharingNames,
            },
            async grid => (await grid.ReadFirstOrDefaultAsync<SupportCase.Row>(), (await grid.ReadAsync<HappenedEvent.Row>()).AsList()),
            cancel);
        if (found is null)
            return SupportCase.NotFound(caseId);
        return accesses.Add(caller, SupportScope.Accessed([found])) is { } unrecorded
            ? unrecorded
            : TypedResults.Ok(Timeline.Create(events, page, static _ => null));
    }
}
