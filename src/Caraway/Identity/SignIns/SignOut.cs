using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Identity.SignIns;

/// <summary><c>POST /api/v1/logout</c>: ends the sign-in that the token comes from, with its refresh tokens, everywhere.</summary>
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
        select @now, 'user.signed_out', 'identity.user:' || user_id, @caller, @RequestId, @Address, json_build_object('user_id', user_id, 'session_id', id)::text
        from ended
        """;

    public static async Task<Results<NoContent, Refusal>> Handle(Caller caller, Database database, EndedSessions ended, TimeProvider time, CancellationToken cancel)
    {
        // A key's scopes can name the permission, but a key has not signed in.
        if (caller is not { UserId: not null, SessionId: { } session })
            return Refusal.Forbidden("Only a signed-in user can sign out.");
        await database.Execute(
            End, new { caller.UserId, caller.SessionId, now = time.GetUtcNow().UtcDateTime, caller = caller.Id, caller.RequestId, caller.Address }, cancel);
        ended.End(session);
        return TypedResults.NoContent();
    }
}
