using System.ComponentModel.DataAnnotations;
using Caraway.Identity.SignIns;
using Caraway.Identity.Tokens;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Identity.Users;

/// <summary>
/// <c>POST /api/v1/password-resets/{token}</c>: sets a new password with a one-time address (<see cref="CreatePasswordReset"/>), which ends
/// all sign-ins of the person. <c>GET</c> says what to send. Each address that is not valid counts as a failed sign-in.
/// </summary>
internal static class RedeemPasswordReset
{
    public const string Path = "/api/v1/password-resets/";

    public sealed record Request
    {
        [Needed, Password, MaxLength(2 * PasswordAttribute.Longest, ErrorMessage = "A password must have 8 to 128 characters.")]
        public string? Password { get; init; }
    }

    /// <param name="Instructions">For people.</param>
    public sealed record Explanation(string Instructions, DateTime ExpiresAt);

    internal const string Find = """
        select r.expires_at from identity.password_resets r join identity.users u on u.id = r.user_id
        where r.token_hash = @hash and r.expires_at > @now and u.is_active
        """;

    /// <summary>
    /// Waits for the row of the user, so that <see cref="Redeem"/> sees whether another request has used the address, and ends every
    /// sign-in that was committed meanwhile.
    /// </summary>
    private const string Lock = """
        select u.id from identity.password_resets r join identity.users u on u.id = r.user_id
        where r.token_hash = @hash for no key update of u
        """;

    /// <summary>No row comes back when the address is not valid any more. The program does not know who had it.</summary>
    internal const string Redeem = $"""
        with used as (
            delete from identity.password_resets r using identity.users u
            where r.token_hash = @hash and r.expires_at > @now and u.id = r.user_id and u.is_active
            returning r.user_id
        ), changed as (
            update identity.users u set password_hash = @passwordHash, version = u.version + 1, updated_at = @now
            from used r where u.id = r.user_id
            returning u.id
        ), ended as (
            update identity.sessions s set ended_at = clock_timestamp(), ended_because = 'account changed'
            from changed c where s.user_id = c.id and s.ended_at is null and s.expires_at > @now
            returning s.id
        ), logged as (
            {EventSql.Insert}
            select @now, 'user.password_changed', 'identity.user:' || id, 'anonymous', @requestId, @address,
                json_build_object('user_id', id)::text
            from changed
        )
        select id, array(select id from ended) as ended from changed
        """;

    private static Refusal NotValid { get; } = Refusal.NotFound(
        ProblemCodes.PasswordResetNotFound, "This address is not valid: it was used or replaced, has expired, or never existed.");

    public static Task<Results<NoContent, Refusal>> Handle(
        string token, Request request, HttpContext http, Database database, Passwords passwords, SignInThrottle throttle,
        EndedSessions ended, TimeProvider time, CancellationToken cancel) =>
        WithToken<NoContent>(token, http, database, throttle, time, async (hash, _) =>
        {
            // Only a valid address costs the time of a hash.
            if (await passwords.Hash(request.Password!, cancel) is not { } passwordHash)
                return Passwords.Busy;
            var values = new
            {
                hash, passwordHash, now = time.GetUtcNow().UtcDateTime, requestId = http.TraceIdentifier, address = Caller.AddressOf(http),
            };
            if (await database.FirstLocked<User.Row>(Lock, Redeem, values, cancel) is not { } user)
                return NotValid;
            foreach (var session in user.Ended)
                ended.End(session);
            return TypedResults.NoContent();
        });

    public static Task<Results<Ok<Explanation>, Refusal>> Explain(
        string token, HttpContext http, Database database, SignInThrottle throttle, TimeProvider time) =>
        WithToken<Ok<Explanation>>(token, http, database, throttle, time, (_, expires) => Task.FromResult(
            (Results<Ok<Explanation>, Refusal>)TypedResults.Ok(new Explanation(
                "To set a new password, send it to this address once: POST a JSON object with the field password, 8 to 128 characters.",
                expires))));

    /// <summary>Counts the attempt, and goes on with the hash of a valid token.</summary>
    private static async Task<Results<TAnswer, Refusal>> WithToken<TAnswer>(
        string token, HttpContext http, Database database, SignInThrottle throttle, TimeProvider time,
        Func<byte[], DateTime, Task<Results<TAnswer, Refusal>>> goOn)
        where TAnswer : IResult
    {
        var cancel = http.RequestAborted;
        var attempt = await throttle.Begin("password reset\n" + token, Caller.NetworkOf(http), cancel);
        if (attempt.Refusal is not null)
            return attempt.Refusal;
        var isGuess = false;
        try
        {
            var now = time.GetUtcNow().UtcDateTime;
            if (OpaqueToken.Hash(token) is not { } hash
                || await database.First<DateTime?>(Find, new { hash, now }, cancel) is not { } expires)
            {
                isGuess = true;
                return NotValid;
            }

            var answer = await goOn(hash, expires);
            isGuess = answer.Result == NotValid;
            return answer;
        }
        finally
        {
            // Also for a caller that went away without an answer.
            await (isGuess ? throttle.Fail(attempt, CancellationToken.None) : throttle.Forgive(attempt, CancellationToken.None));
        }
    }
}
