using System.ComponentModel.DataAnnotations;
using Caraway.Identity.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Caraway.Support;

/// <summary>
/// <c>PUT /api/v1/cases/{case_id}/shares/{user_id}</c>: lets another user read or change a case. Only its owner and administrators share
/// it.
/// </summary>
internal static class ShareCase
{
    public sealed record Request
    {
        [Needed, AllowedValues(null, CaseShare.View, CaseShare.Edit, ErrorMessage = "The access must be one of view, edit.")]
        public string? Access { get; init; }
    }

    private sealed record Result(
        bool IsOwner, string Status, bool IsOwn, bool IsUser, bool IsFull, string? Access, string? SharedBy, DateTime? SharedAt);

    /// <summary>
    /// Runs behind <see cref="SupportCase.Lock"/>, so that the number of shares is exact and <c>readers</c> has an entry for each. A share
    /// that exists with the same access stays as it is.
    /// </summary>
    internal const string Share = $"""
        with found as (
            select c.id, c.created_at, c.status, c.owner = @reader as is_own, {SupportScope.IsOwner} as is_owner,
                @userId::bigint is null
                    or exists (select from identity.user_card u where u.id = @userId::bigint and u.is_active) as is_user,
                not (c.readers @> array[@reader]) and cardinality(c.readers) > @most as is_full
            from support.cases c where c.id = @id and {SupportScope.Sees}
        ), shared as (
            insert into support.shares as s (case_id, reader, access, case_created_at, shared_by, shared_at)
            select id, @reader, @access, created_at, @caller, @now from found
            where is_owner and status <> 'archived' and not is_own and is_user and not is_full
            on conflict (case_id, reader) do update
                set access = excluded.access, shared_by = excluded.shared_by, shared_at = excluded.shared_at
                where s.access <> excluded.access
            returning {CaseShare.Columns}
        ), opened as (
            update support.cases c set readers = array_append(c.readers, @reader)
            from shared where c.id = shared.case_id and not (c.readers @> array[@reader])
        ), logged as (
            {EventSql.Insert}
            select @now, 'support_case.shared', 'support.case:' || @caseId, @caller, @RequestId, @Address,
                json_build_object('case_id', @caseId, 'shared_with', reader, 'access', access)::text
            from shared
        )
        select f.is_owner, f.status, f.is_own, f.is_user, f.is_full, coalesce(n.access, s.access) as access,
            coalesce(n.shared_by, s.shared_by) as shared_by, coalesce(n.shared_at, s.shared_at) as shared_at
        from found f
        left join shared n on true
        left join support.shares s on s.case_id = f.id and s.reader = @reader
        """;

    public static async Task<Results<Ok<CaseShare.Response>, Refusal>> Handle(
        [FromRoute(Name = "case_id")] CaseId caseId, [FromRoute(Name = "user_id")] PathText userId, Request request, Caller caller,
        LinkedActors linked, Database database, TimeProvider time, CancellationToken cancel)
    {
        if (!SupportUser.IsId(userId.Value))
            return NoUser;
        var (scope, reader) = (await SupportScope.Of(caller, linked, cancel), SupportUser.ActorOf(userId.Value));
        var result = await database.FirstLocked<Result>(
            SupportCase.Lock,
            Share,
            new
            {
                id = caseId.Value, caseId = caseId.Text, scope.All, scope.Me, scope.Owns, reader, userId = SupportUser.NumberOf(reader),
                access = request.Access, most = CaseLimits.Shares, now = time.GetUtcNow().UtcDateTime,
                caller = caller.Id, caller.RequestId, caller.Address,
            },
            cancel);
        if (result is null)
            return SupportCase.NotFound(caseId);
        if (!result.IsOwner)
            return SupportCase.NotOwner;
        if (result.Status == CaseWords.Archived)
            return SupportCase.Archived;
        if (result.IsOwn)
            return Refusal.Invalid(new ProblemError("#/user_id", "The owner of the case needs no share.") { In = "path" });
        if (!result.IsUser)
            return NoUser;
        if (result.IsFull)
            return Refusal.Conflict(ProblemCodes.TooManyShares, "The case is shared with 100 users already. Revoke a share first.");
        return TypedResults.Ok(
            new CaseShare.Row(caseId.Value, reader, result.Access!, result.SharedBy!, result.SharedAt!.Value).ToResponse());
    }

    private static Refusal NoUser { get; } =
        Refusal.Invalid(new ProblemError("#/user_id", "There is no active user with this id.") { In = "path" });
}
