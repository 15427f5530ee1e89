using Caraway.Identity.Tokens;
using Caraway.Platform.Events;
using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace Caraway.Identity.Users;

/// <summary>
/// <c>POST /api/v1/users/{id}/password-reset</c>: makes a one-time address under which a person chooses a new password. It replaces the one
/// before. The database keeps only its hash.
/// </summary>
internal static class CreatePasswordReset
{
    /// <param name="Url">Everybody who knows the address can set the person's password, once.</param>
    public sealed record Response(string Url, DateTime ExpiresAt);

    private static readonly TimeSpan Life = TimeSpan.FromMinutes(30);

    /// <summary>Returns whether the user is active, or no row for an unknown user.</summary>
    internal const string Save = $"""
        with found as (
            select id, is_active from identity.users where id = @id for no key update
        ), saved as (
            insert into identity.password_resets (user_id, token_hash, created_at, expires_at)
            select id, @hash, @now, @expires from found where is_active
            on conflict (user_id) do update
                set token_hash = excluded.token_hash, created_at = excluded.created_at, expires_at = excluded.expires_at
            returning user_id
        ), logged as (
            {EventSql.Insert}
            select @now, 'user.password_reset_created', 'identity.user:' || user_id, @caller, @RequestId, @Address,
                json_build_object('user_id', user_id)::text
            from saved
        )
        select is_active from found
        """;

    public static async Task<Results<Created<Response>, Refusal>> Handle(
        RowId id, HttpRequest http, Caller caller, IOptions<ServerOptions> server, Database database, TimeProvider time,
        CancellationToken cancel)
    {
        var token = OpaqueToken.Create();
        var now = time.GetUtcNow().UtcDateTime;
        var expires = now + Life;
        var values = new
        {
            id = id.Value, hash = OpaqueToken.Hash(token), now, expires, caller = caller.Id, caller.RequestId, caller.Address,
        };
        return await database.First<bool?>(Save, values, cancel) switch
        {
            null => Refusal.NotFound(ProblemCodes.UserNotFound, "User not found"),
            false => Refusal.Conflict(ProblemCodes.UserDeactivated, "The user is deactivated. Activate the account first."),
            true => TypedResults.Created(
                (string?)null, new Response(PublicAddress.Of(RedeemPasswordReset.Path + token, http, server), expires)),
        };
    }
}
