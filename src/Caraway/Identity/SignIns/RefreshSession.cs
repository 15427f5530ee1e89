using Caraway.Identity.Tokens;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace Caraway.Identity.SignIns;

/// <summary>
/// <c>POST /api/v1/refresh</c>: exchanges a refresh token for a new access token and the successor of the refresh token. The old token
/// stays usable until its successor is used, so a client can repeat a request whose answer was lost. A later use means that one of the two
/// tokens was stolen, and ends the sign-in.
/// </summary>
internal static class RefreshSession
{
    public sealed record Request
    {
        [Needed, Text(1000, AllowEmpty = true, AllowBlank = true)]
        public string? RefreshToken { get; init; }
    }

    /// <summary>
    /// Locks the user and then the sign-in, in the order of every change of an account, so that concurrent uses wait for each other. A
    /// valid token raises the generation of the sign-in to its own. Its successor is inserted, or its expiry is extended if it was issued
    /// before.
    /// </summary>
    internal const string Use = $"""
        with token as (
            select t.session_id, t.generation, t.expires_at, s.user_id
            from identity.refresh_tokens t join identity.sessions s on s.id = t.session_id
            where t.token_hash = @hash
        ), account as (
            select u.id, u.role, u.is_active from token t join identity.users u on u.id = t.user_id for no key update of u
        ), family as (
            select s.id, s.user_id, s.generation, s.expires_at, s.ended_at, t.generation as used, t.expires_at as token_expires_at,
                a.role, a.is_active
            from account a cross join token t join identity.sessions s on s.id = t.session_id
            for no key update of s
        ), good as (
            select id, user_id, generation, expires_at, used, role from family
            where ended_at is null and is_active and expires_at > @now and token_expires_at > @now and used >= generation
        ), moved as (
            update identity.sessions s set generation = g.used from good g where s.id = g.id and g.used > s.generation
        ), next as (
            insert into identity.refresh_tokens as r (token_hash, session_id, generation, expires_at)
            select @successorHash, id, used + 1, least(@tokenEnds, expires_at) from good
            on conflict (token_hash) do update set expires_at = excluded.expires_at
        ), reused as (
            update identity.sessions s set ended_at = clock_timestamp(), ended_because = 'refresh token used again'
            from family f where s.id = f.id and f.ended_at is null and f.used < f.generation
            returning s.id, s.user_id
        ), logged as (
            {EventSql.Insert}
            select @now, 'user.refresh_token_reused', 'identity.user:' || r.user_id, 'anonymous', @requestId, @address,
                json_build_object('user_id', r.user_id, 'session_id', r.id)::text
            from reused r
        )
        select id as session, user_id, role, expires_at, null::uuid as ended from good
        union all
        select null, null, null, null, id from reused
        """;

    private sealed record Row(Guid? Session, long? UserId, string? Role, DateTime? ExpiresAt, Guid? Ended);

    private static Refusal Wrong { get; } = Refusal.Unauthorized(ProblemCodes.InvalidRefreshToken, "Invalid refresh token");

    public static async Task<Results<Ok<SignIn.Response>, Refusal>> Handle(
        Request request, HttpContext http, Database database, RefreshToken successors, AccessTokens tokens, EndedSessions ended,
        IOptions<IdentityOptions> options, TimeProvider time, CancellationToken cancel)
    {
        if (OpaqueToken.Hash(request.RefreshToken!) is not { } hash)
            return Wrong;
        var successor = successors.Successor(request.RefreshToken!);
        var now = time.GetUtcNow().UtcDateTime;
        var row = await database.First<Row>(
            Use,
            new
            {
                hash, successorHash = OpaqueToken.Hash(successor), now, tokenEnds = now.AddDays(options.Value.RefreshTokenDays),
                requestId = http.TraceIdentifier, address = Caller.AddressOf(http),
            },
            cancel);
        if (row?.Ended is { } session)
            ended.End(session);
        if (row is not { Session: { } current, UserId: { } user, Role: { } role, ExpiresAt: { } familyEnds })
            return Wrong;
        // An access token ends with its family of refresh tokens at the latest.
        var ends = now + options.Value.AccessTokenLife;
        var grant = new AccessTokens.Grant(user, role, current, ends < familyEnds ? ends : familyEnds);
        return TypedResults.Ok(await SignIn.Answer(tokens, grant, successor, now, cancel));
    }
}
