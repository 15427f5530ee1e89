using Caraway.Identity.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Caraway.Support;

/// <summary>
/// <c>DELETE /api/v1/cases/{case_id}/shares/{user_id}</c>: revokes a share at once. It is possible on an archived case too, because it only
/// takes access away.
/// </summary>
internal static class UnshareCase
{
    private sealed record Result(bool IsOwner, bool IsRevoked);

    /// <summary>Runs behind <see cref="SupportCase.Lock"/>.</summary>
    internal const string Unshare = $"""
        with found as (
            select c.id, {SupportScope.IsOwner} as is_owner
            from support.cases c where c.id = @id and {SupportScope.Sees}
        ), revoked as (
            delete from support.shares s using found f
            where s.case_id = f.id and s.reader = @reader and f.is_owner
            returning s.case_id, s.reader
        ), closed as (
            update support.cases c set readers = array_remove(c.readers, @reader) from revoked r where c.id = r.case_id
        ), logged as (
            {EventSql.Insert}
            select @now, 'support_case.unshared', 'support.case:' || @caseId, @caller, @RequestId, @Address,
                json_build_object('case_id', @caseId, 'shared_with', reader)::text
            from revoked
        )
        select is_owner, exists (select from revoked) as is_revoked from found
        """;

    public static async Task<Results<NoContent, Refusal>> Handle(
        [FromRoute(Name = "case_id")] CaseId caseId, [FromRoute(Name = "user_id")] PathText userId, Caller caller, LinkedActors linked,
        Database database, TimeProvider time, CancellationToken cancel)
    {
        if (!SupportUser.IsId(userId.Value))
            return ListShares.NotFound;
        var scope = await SupportScope.Of(caller, linked, cancel);
        var result = await database.FirstLocked<Result>(
            SupportCase.Lock,
            Unshare,
            new
            {
                id = caseId.Value, caseId = caseId.Text, scope.All, scope.Me, scope.Owns, reader = SupportUser.ActorOf(userId.Value),
                now = time.GetUtcNow().UtcDateTime, caller = caller.Id, caller.RequestId, caller.Address,
            },
            cancel);
        if (result is null)
            return SupportCase.NotFound(caseId);
        if (!result.IsOwner)
            return SupportCase.NotOwner;
        return result.IsRevoked ? TypedResults.NoContent() : ListShares.NotFound;
    }
}
