using System.ComponentModel.DataAnnotations;
using Caraway.Identity.Contracts;
using Caraway.Identity.SignIns;
using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Identity.Users;

/// <summary>
/// <c>PATCH /api/v1/users/{id}</c>: users change their own name and password; administrators change any account, with its role and
/// activation. A new role, a new password and a deactivation end all sign-ins of the user, and the address of a password reset. One active
/// administrator always remains.
/// </summary>
internal static class UpdateUser
{
    public sealed record Request
    {
        [Text(User.NameLength, SingleLine = true)]
        public string? FullName { get; init; }

        [Password, MaxLength(2 * PasswordAttribute.Longest, ErrorMessage = "A password must have 8 to 128 characters.")]
        public string? Password { get; init; }

        /// <summary>Required when users change their own password.</summary>
        [Text(PasswordAttribute.Longest, AllowEmpty = true, AllowBlank = true)]
        public string? CurrentPassword { get; init; }

        [AllowedValues(
            null, Roles.Patient, Roles.Doctor, Roles.Admin, Roles.Caseworker, Roles.Adjudicator, Roles.Agent, Roles.Auditor,
            ErrorMessage = "The role must be one of patient, doctor, admin, caseworker, adjudicator, agent, auditor.")]
        public string? Role { get; init; }

        public bool? IsActive { get; init; }
    }

    private const string Find = $"""
        select {User.Columns}, version, password_hash from identity.users where id = @Value and (@any or id = @UserId)
        """;

    /// <summary>
    /// The version that was read guards the update: a concurrent change leaves no row. Three statements in one transaction, because each
    /// sees what was committed before it began. The first makes changes that end an administrator wait for each other, so that the last one
    /// sees all others. The second waits for the user's row, so that the third ends every sign-in that was committed meanwhile.
    /// </summary>
    internal const string Update = $$"""
        select pg_advisory_xact_lock(hashtext('caraway.administrators')) where @endsAdministrator;
        select id from identity.users where id = @id for no key update;
        with found as (
            select id, full_name, role, is_active from identity.users u
            where id = @id and version = @version and (not @endsAdministrator or {{HasOtherAdministrator}})
            for no key update
        ), changed as (
            update identity.users u
            set full_name = coalesce(@FullName::text, u.full_name), password_hash = coalesce(@hash::text, u.password_hash),
                role = coalesce(@Role::text, u.role), is_active = coalesce(@IsActive::boolean, u.is_active),
                version = u.version + 1, updated_at = @now
            from found f where u.id = f.id
            returning u.*, f.full_name as old_name, f.role as old_role, f.is_active as was_active
        ), ended as (
            update identity.sessions s set ended_at = clock_timestamp(), ended_because = 'account changed'
            from changed c
            where s.user_id = c.id and s.ended_at is null and s.expires_at > @now
                and (@hash::text is not null or c.role <> c.old_role or not c.is_active)
            returning s.id
        ), voided as (
            delete from identity.password_resets r using changed c
            where r.user_id = c.id and (@hash::text is not null or c.role <> c.old_role or not c.is_active)
        ), logged as (
            {{EventSql.Insert}}
            select @now, e.name, 'identity.user:' || c.id, @caller, @RequestId, @Address, e.payload::text
            from changed c, lateral (values
                ('user.renamed', c.full_name <> c.old_name, json_build_object('user_id', c.id)),
                ('user.role_changed', c.role <> c.old_role, json_build_object('user_id', c.id, 'from_role', c.old_role, 'to_role', c.role)),
                ('user.activated', c.is_active and not c.was_active, json_build_object('user_id', c.id)),
                ('user.deactivated', not c.is_active and c.was_active, json_build_object('user_id', c.id)),
                ('user.password_changed', @hash::text is not null, json_build_object('user_id', c.id))
            ) e (name, happened, payload)
            where e.happened
        )
        select {{User.Columns}}, version, array(select id from ended) as ended from changed
        """;

    private const string HasOtherAdministrator =
        "exists (select from identity.users other where other.role = 'admin' and other.is_active and other.id <> @id)";

    public static async Task<Results<Tagged<User.Response>, Refusal>> Handle(
        RowId id, Request request, HttpRequest http, Caller caller, AccessLog accesses, Database database,
        Passwords passwords, SignInThrottle throttle, EndedSessions ended, TimeProvider time, CancellationToken cancel)
    {
        var manages = caller.May(IdentityPermissions.UsersManage);
        var any = manages || caller.May(IdentityPermissions.UsersRead);
        var user = await database.First<User.Row>(Find, new { id.Value, any, caller.UserId }, cancel);
        if (user is null)
            return Refusal.NotFound(ProblemCodes.UserNotFound, "User not found");
        var isOwn = user.Id == caller.UserId;
        if (!manages && !isOwn)
            return Refusal.Forbidden("Only an administrator can change another user's account.");
        if (!manages && (request.Role is not null || request.IsActive is not null))
            return Refusal.Forbidden("Only an administrator can change a role or activate or deactivate an account.");
        if (ETag.IfMatch(http)?.Contains(user.Version) == false)
            return Refusal.Stale();
        if (accesses.Check(caller) is { } unrecordable)
            return unrecordable;
        if (ChangesNothing(request, user))
            return Show(user, caller, accesses);
        if (request.Password is not null && isOwn)
        {
            var network = Caller.NetworkOf(http.HttpContext);
            if (await Confirm(request.CurrentPassword, user, network, passwords, throttle, cancel) is { } refusal)
                return refusal;
        }

        string? hash = null;
        if (request.Password is not null && (hash = await passwords.Hash(request.Password, cancel)) is null)
            return Passwords.Busy;
        var endsAdministrator = EndsAdministrator(request, user);
        var changed = await database.Many(
            Update,
            new
            {
                id = id.Value, version = user.Version, endsAdministrator, request.FullName, hash, request.Role, request.IsActive,
                now = time.GetUtcNow().UtcDateTime, caller = caller.Id, caller.RequestId, caller.Address,
            },
            async grid =>
            {
                await grid.ReadAsync<object>();
                await grid.ReadAsync<long>();
                return await grid.ReadFirstOrDefaultAsync<User.Row>();
            },
            cancel);
        if (changed is null)
            return await Explain(user.Id, endsAdministrator, http, database, cancel);
        foreach (var session in changed.Ended)
            ended.End(session);
        return Show(changed, caller, accesses);
    }

    private static Results<Tagged<User.Response>, Refusal> Show(User.Row user, Caller caller, AccessLog accesses) =>
        user.Role == Roles.Patient && accesses.Add(caller, AccessedPatients.Create(user.Id)) is { } unrecorded
            ? unrecorded
            : user.ToAnswer();

    private static bool ChangesNothing(Request request, User.Row user) =>
        request.Password is null && (request.FullName ?? user.FullName) == user.FullName
        && (request.Role ?? user.Role) == user.Role && (request.IsActive ?? user.IsActive) == user.IsActive;

    /// <summary>Whether the user is an active administrator now and would not be one afterwards.</summary>
    private static bool EndsAdministrator(Request request, User.Row user) =>
        user is { Role: Roles.Admin, IsActive: true } && (request.Role is not (null or Roles.Admin) || request.IsActive == false);

    /// <summary>Why the update changed no row.</summary>
    private static async Task<Refusal> Explain(
        long id, bool endsAdministrator, HttpRequest http, Database database, CancellationToken cancel)
    {
        if (endsAdministrator && !await database.First<bool>("select " + HasOtherAdministrator, new { id }, cancel))
            return Refusal.Conflict(
                ProblemCodes.LastAdmin, "This is the last active administrator. Make another user an administrator first.");
        return http.Headers.IfMatch.Count > 0
            ? Refusal.Stale()
            : Refusal.Conflict(ProblemCodes.ConcurrentChange, "Another request changed this account at the same time. Read it again.");
    }

    /// <summary>Counted as a sign-in, so that a stolen token cannot try passwords faster than a sign-in can.</summary>
    private static async Task<Refusal?> Confirm(
        string? password, User.Row user, string network, Passwords passwords, SignInThrottle throttle, CancellationToken cancel)
    {
        if (password is null)
            return Refusal.Invalid(new ProblemError("#/current_password", "This is required to change your own password."));
        var attempt = await throttle.Begin(User.EmailKey(user.Email), network, cancel);
        if (attempt.Refusal is not null)
            return attempt.Refusal;
        var verdict = await passwords.Verify(user.PasswordHash, password, cancel);
        if (verdict is { IsRight: false })
        {
            await throttle.Fail(attempt, CancellationToken.None);
            return Refusal.Invalid(new ProblemError("#/current_password", "This is not your password."));
        }

        await throttle.Forgive(attempt, CancellationToken.None);
        return verdict is null ? Passwords.Busy : null;
    }
}
