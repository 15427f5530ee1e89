using System.Security.Cryptography;
using Caraway.Identity.Tokens;
using Caraway.Identity.Users;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace Caraway.Identity.SignIns;

/// <summary>
/// <c>POST /api/v1/login</c>: takes user name and password, as JSON or as the OAuth 2 password form, and answers with an access token and a
/// refresh token.
/// </summary>
internal static class SignIn
{
    public sealed record Request
    {
        /// <summary>The e-mail address.</summary>
        [Text(320, AllowEmpty = true, AllowBlank = true)]
        public string? Username { get; init; }

        /// <summary>Another name of <c>username</c>.</summary>
        [Text(320, AllowEmpty = true, AllowBlank = true)]
        public string? Email { get; init; }

        [Needed, Text(PasswordAttribute.Longest, AllowEmpty = true, AllowBlank = true)]
        public string? Password { get; init; }
    }

    /// <param name="ExpiresIn">Seconds until the access token expires.</param>
    public sealed record Response(string AccessToken, string TokenType, string RefreshToken, long ExpiresIn);

    internal const string Find = "select id, role, is_active, password_hash from identity.users where email_key = @account";

    /// <summary>
    /// Opens a sign-in only while the user is as it was when the password was checked; otherwise nothing is written and no row comes back.
    /// A user has at most a hundred sign-ins: the oldest one ends.
    /// </summary>
    internal const string Open = $"""
        with found as (
            select id from identity.users
            where id = @Id and password_hash = @PasswordHash and role = @Role and is_active
            for no key update
        ), rehashed as (
            update identity.users u set password_hash = @newHash from found f where u.id = f.id and @newHash is not null
        ), opened as (
            insert into identity.sessions (id, user_id, created_at, expires_at) select @session, id, @now, @ends from found
            returning id, user_id
        ), token as (
            insert into identity.refresh_tokens (token_hash, session_id, generation, expires_at)
            select @tokenHash, @session, 0, @tokenEnds from found
        ), crowded as (
            update identity.sessions s set ended_at = clock_timestamp(), ended_because = 'too many sign-ins'
            where s.id in (
                select o.id from identity.sessions o join found f on o.user_id = f.id
                where o.ended_at is null order by o.created_at desc offset 99)
        ), forgiven as (
            delete from identity.sign_in_attempts a using found where a.id = @attempt
        ), logged as (
            {EventSql.Insert}
            select @now, 'user.signed_in', 'identity.user:' || user_id, 'user:' || user_id, @requestId, @address,
                json_build_object('user_id', user_id, 'session_id', id)::text
            from opened
        )
        select id from opened
        """;

    /// <summary>
    /// Written for unknown users as well, so that it takes the same time. Their names are not stored, since they may be mistyped passwords.
    /// </summary>
    internal const string Fail = $"""
        with failed as (
            update identity.sign_in_attempts set failed = true where id = @attempt
        )
        {EventSql.Insert}
        select @now, 'user.sign_in_failed', 'identity.user:' || coalesce(@id::text, 'unknown'), 'anonymous', @requestId, @address,
            json_build_object('user_id', @id)::text
        from (select 1) one left join (select id from identity.users where id = @id for no key update) found on true
        """;

    private sealed record Row(long Id, string Role, bool IsActive, string PasswordHash);

    private static Refusal Wrong { get; } = Refusal.Unauthorized(ProblemCodes.SignInFailed, "Incorrect username or password");

    /// <summary>Services that a sign-in needs.</summary>
    internal sealed class Dependencies(
        Database database, Passwords passwords, SignInThrottle throttle, AccessTokens tokens,
        IOptions<IdentityOptions> options, TimeProvider time)
    {
        public Database Database => database;

        public Passwords Passwords => passwords;

        public SignInThrottle Throttle => throttle;

        public AccessTokens Tokens => tokens;

        public IdentityOptions Options => options.Value;

        public DateTime Now => time.GetUtcNow().UtcDateTime;
    }

    public static async Task<Results<Ok<Response>, Refusal>> Handle(
        Request request, HttpContext http, Dependencies dependencies, CancellationToken cancel) =>
        request.Username is null && request.Email is null
            ? Refusal.Invalid(new ProblemError("#/username", "This is required."))
            : await Authenticate(request.Username ?? request.Email!, request.Password!, http, dependencies, cancel);

    /// <summary>The form of RFC 6749, section 4.3.2, with the limits of the JSON body.</summary>
    public static async Task<Results<Ok<Response>, Refusal>> HandleForm(
        HttpContext http, Dependencies dependencies, CancellationToken cancel)
    {
        IFormCollection form;
        try
        {
            form = await http.Request.ReadFormAsync(cancel);
        }
        catch (InvalidDataException)
        {
            return Refusal.Invalid(new ProblemError("#", "The body must be a form of ordinary size, without U+0000."));
        }

        if (form["grant_type"] is { Count: > 0 } grant && grant != "password")
            return Refusal.Invalid(new ProblemError("#/grant_type", "The grant_type must be password."));
        var userName = form.ContainsKey("username") ? "username" : "email";
        foreach (var (name, longest) in new[] { (userName, 320), ("password", PasswordAttribute.Longest) })
        {
            if (form[name] is not [{ } value])
                return Refusal.Invalid(new ProblemError(name == "email" ? "#/username" : "#/" + name, "This is required."));
            if (Characters.Count(value) > longest || value.Contains('\0', StringComparison.Ordinal))
                return Refusal.Invalid(new ProblemError("#/" + name, $"This must have at most {longest} characters, and not U+0000."));
        }

        return await Authenticate(form[userName]!, form["password"]!, http, dependencies, cancel);
    }

    /// <summary>The tokens of a sign-in, as the API returns them.</summary>
    internal static async Task<Response> Answer(
        AccessTokens tokens, AccessTokens.Grant grant, string refresh, DateTime now, CancellationToken cancel) =>
        new(await tokens.Issue(grant, cancel), "bearer", refresh, (long)(grant.ExpiresAt - now).TotalSeconds);

    private static async Task<Results<Ok<Response>, Refusal>> Authenticate(
        string name, string password, HttpContext http, Dependencies dependencies, CancellationToken cancel)
    {
        var account = User.EmailKey(name.Trim());
        var attempt = await dependencies.Throttle.Begin(account, Caller.NetworkOf(http), cancel);
        if (attempt.Refusal is not null)
            return attempt.Refusal;
        try
        {
            return await Check(account, password, attempt, http, dependencies, cancel);
        }
        catch (OperationCanceledException)
        {
            // The caller went away without an answer.
            await dependencies.Throttle.Forgive(attempt, CancellationToken.None);
            throw;
        }
    }

    private static async Task<Results<Ok<Response>, Refusal>> Check(
        string account, string password, SignInThrottle.Attempt attempt, HttpContext http, Dependencies dependencies,
        CancellationToken cancel)
    {
        long? known = null;
        // A second try if the user changed between check and write: a concurrent sign-in may have replaced the hash.
        for (var tries = 0; tries < 2; tries++)
        {
            var user = await dependencies.Database.First<Row>(Find, new { account }, cancel);
            known = user?.Id;
            if (await dependencies.Passwords.Verify(user?.PasswordHash, password, cancel) is not { } verdict)
            {
                await dependencies.Throttle.Forgive(attempt, CancellationToken.None);
                return Passwords.Busy;
            }

            if (user is not { IsActive: true } || !verdict.IsRight)
                break;
            if (await OpenSession(user, verdict.NewHash, attempt, http, dependencies, cancel) is { } opened)
                return TypedResults.Ok(opened);
        }

        await dependencies.Database.Execute(
            Fail,
            new
            {
                id = known, attempt = attempt.Id, now = dependencies.Now,
                requestId = http.TraceIdentifier, address = Caller.AddressOf(http),
            },
            CancellationToken.None);
        return Wrong;
    }

    private static async Task<Response?> OpenSession(
        Row user, string? newHash, SignInThrottle.Attempt attempt, HttpContext http, Dependencies dependencies, CancellationToken cancel)
    {
        var now = dependencies.Now;
        var session = new Guid(RandomNumberGenerator.GetBytes(16));
        var refresh = OpaqueToken.Create();
        var opened = await dependencies.Database.First<Guid?>(
            Open,
            new
            {
                user.Id, user.PasswordHash, user.Role, newHash, session, now, ends = now.AddDays(IdentityOptions.SessionDays),
                tokenHash = OpaqueToken.Hash(refresh), tokenEnds = now.AddDays(dependencies.Options.RefreshTokenDays),
                attempt = attempt.Id, requestId = http.TraceIdentifier, address = Caller.AddressOf(http),
            },
            cancel);
        if (opened is null)
            return null;
        var grant = new AccessTokens.Grant(user.Id, user.Role, session, now + dependencies.Options.AccessTokenLife);
        return await Answer(dependencies.Tokens, grant, refresh, now, CancellationToken.None);
    }
}
