using Caraway.Identity.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Caraway.Support;

/// <summary><c>DELETE /api/v1/cases/{case_id}</c>: removes a case with its shares. Its events stay in the chain.</summary>
internal static class DeleteCase
{
    private sealed record Found(bool IsOwner, string Status, long Version, bool IsDeleted);

    internal const string Delete = $"""
        with found as (
            select c.id, c.status, c.version, {SupportScope.IsOwner} as is_owner
            from support.cases c where c.id = @id and {SupportScope.Sees} for update of c
        ), deleted as (
            delete from support.cases c using found f
            where c.id = f.id and f.is_owner and f.status <> 'archived'
                and (@versions::bigint[] is null or f.version = any(@versions::bigint[]))
            returning c.id, c.owner, c.status
        ), logged as (
            {EventSql.Insert}
            select @now, 'support_case.deleted', 'support.case:' || {SupportCase.IdText}, @caller, @RequestId, @Address,
                json_build_object('case_id', {SupportCase.IdText}, 'status', status)::text
            from deleted
        )
        select is_owner, status, version, exists (select from deleted) as is_deleted from found
        """;

    public static async Task<Results<NoContent, Refusal>> Handle(
        [FromRoute(Name = "case_id")] CaseId caseId, HttpRequest http, Caller caller, LinkedActors linked, Database database,
        TimeProvider time, CancellationToken cancel)
    {
        var scope = await SupportScope.Of(caller, linked, cancel);
        var versions = ETag.IfMatch(http);
        var found = await database.First<Found>(
            Delete,
            new
            {
                id = caseId.Value, scope.All, scope.Me, scope.Owns, versions, now = time.GetUtcNow().UtcDateTime,
                caller = caller.Id, caller.RequestId, caller.Address,
            },
            cancel);
        if (found is null)
            return SupportCase.NotFound(caseId);
        if (found.IsDeleted)
            return TypedResults.NoContent();
        if (!found.IsOwner)
            return SupportCase.NotOwner;
        return versions?.Contains(found.Version) == false ? Refusal.Stale() : SupportCase.Archived;
    }
}
