using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Identity.SignIns;

/// <summary><c>POST /api/v1/logout</c>: ends the sign-in of the token, with its refresh tokens, on every process.</summary>
internal static class SignOut
{
    internal const string End = $"""
        with account as (
            select id from identity.users where id = @UserId for no key update
        ), ended as (
            update identity.sessions s set ended_at = clock_timestamp(), ended_because = 'signed out'
            from account a where s.id = @SessionId and s.user_id = a.id and s.ended_at is null
            returning s.id, s.user_id
        )
        {EventSql.Insert}
        select @now, 'user.signed_out', 'identity.user:' || user_id, @caller, @RequestId, @Address,
            json_build_object('user_id', user_id, 'session_id', id)::text
        from ended
        """;

    public static async Task<Results<NoContent, Refusal>> Handle(
        Caller caller, Database database, EndedSessions ended, TimeProvider time, CancellationToken cancel)
    {
        // An API key may have the permission as a scope, but it has no sign-in to end.
        if (caller is not { UserId: not null, SessionId: { } session })
            return Refusal.Forbidden("Only a signed-in user can sign out.");
        var now = time.GetUtcNow().UtcDateTime;
        await database.Execute(
            End, new { caller.UserId, caller.SessionId, now, caller = caller.Id, caller.RequestId, caller.Address }, cancel);
        ended.End(session);
        return TypedResults.NoContent();
    }
}
