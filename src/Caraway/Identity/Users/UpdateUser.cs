using Caraway.Platform.Events;
using Caraway.Identity.Contracts;
using System.ComponentModel.DataAnnotations;
using Caraway.Identity.SignIns;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Identity.Users;

/// <summary>
/// <c>PATCH /api/v1/users/{id}</c>: one's own name and password; for administrators anybody's, and role and activation. A new role, a new
/// password and a deactivation end all of the user's sign-ins.
/// </summary>
internal static class UpdateUser
{
    public sealed record Request
    {
        [Text(User.NameLength, SingleLine = true)]
        public string? FullName { get; init; }

        [Password, MaxLength(2 * PasswordAttribute.Longest, ErrorMessage = "A password must have 8 to 128 characters.")]
        public string? Password { get; init; }

        /// <summary>Needed to change one's own password.</summary>
        [Text(PasswordAttribute.Longest, AllowEmpty = true, AllowBlank = true)]
        public string? CurrentPassword { get; init; }

        [AllowedValues(
            null, Roles.Patient, Roles.Doctor, Roles.Admin, Roles.Caseworker, Roles.Adjudicator, Roles.Agent, Roles.Auditor,
            ErrorMessage = "The role must be one of patient, doctor, admin, caseworker, adjudicator, agent, auditor.")]
        public string? Role { get; init; }

        public bool? IsActive { get; init; }
    }

    private const string Find = $"select {User.Columns}, version, password_hash from identity.users where id = @Value and (@any or id = @UserId)";

    /// <summary>
    /// Guarded by the version that was read: no row comes back when somebody was quicker. Two statements: the second sees the sign-ins that
    /// were committed while the first waited for the user's row, and so ends them too.
    /// </summary>
    internal const string Update = $$"""
        select id from identity.users where id = @id for no key update;
        with found as (
            select id, full_name, role, is_active from identity.users where id = @id and version = @version for no key update
        ), changed as (
            update identity.users u
            set full_name = coalesce(@FullName::text, u.full_name), password_hash = coalesce(@hash::text, u.password_hash), role = coalesce(@Role::text, u.role),
                is_active = coalesce(@IsActive::boolean, u.is_active), version = u.version + 1, updated_at = @now
            from found f where u.id = f.id
            returning u.*, f.full_name as old_name, f.role as old_role, f.is_active as was_active
        ), ended as (
            update identity.sessions s set ended_at = clock_timestamp(), ended_because = 'account changed'
            from changed c
            where s.user_id = c.id and s.ended_at is null and s.expires_at > @now and (@hash::text is not null or c.role <> c.old_role or not c.is_active)
            returning s.id
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

    private const string OtherAdmin = "select exists (select from identity.users where role = 'admin' and is_active and id <> @Id)";

    private sealed record Row(long Id, string Email, string FullName, string Role, bool IsActive, DateTime CreatedAt, DateTime UpdatedAt, long Version, string PasswordHash);

    private sealed record Changed(long Id, string Email, string FullName, string Role, bool IsActive, DateTime CreatedAt, DateTime UpdatedAt, long Version, Array Ended);

    public static async Task<Results<Tagged<User.Response>, Refusal>> Handle(
        RowId id, Request request, HttpRequest http, Caller caller, Database database, Passwords passwords, SignInThrottle throttle, EndedSessions ended, TimeProvider time, CancellationToken cancel)
    {
        var manages = caller.May(IdentityPermissions.UsersManage);
        var user = await database.First<Row>(Find, new { id.Value, any = manages || caller.May(IdentityPermissions.UsersRead), caller.UserId }, cancel);
        if (user is null)
            return Refusal.NotFound(ProblemCodes.UserNotFound, "User not found");
        var isOwn = user.Id == caller.UserId;
        if (!manages && (!isOwn || request.Role is not null || request.IsActive is not null))
            return Refusal.Forbidden(isOwn ? "Only an administrator can change a role or an activation." : "Only an administrator can change another user's account.");
        if (ETag.IfMatch(http)?.Contains(user.Version) == false)
            return Refusal.Stale();
        if (ChangesNothing(request, user))
            return Answer(user.Version, user.Id, user.Email, user.FullName, user.Role, user.IsActive, user.CreatedAt, user.UpdatedAt);
        if (user is { Role: Roles.Admin, IsActive: true } && ((request.Role ?? Roles.Admin) != Roles.Admin || request.IsActive == false)
            && !await database.First<bool>(OtherAdmin, new { user.Id }, cancel))
            return Refusal.Conflict(ProblemCodes.LastAdmin, "This is the last administrator. Make another one first.");
        if (request.Password is not null && isOwn && await Confirm(request.CurrentPassword, user, Caller.NetworkOf(http.HttpContext), passwords, throttle, cancel) is { } refusal)
            return refusal;

        string? hash = null;
        if (request.Password is not null && (hash = await passwords.Hash(request.Password, cancel)) is null)
            return Passwords.Busy;
        var changed = await database.Many(
            Update,
            new
            {
                id = id.Value, version = user.Version, request.FullName, hash, request.Role, request.IsActive, now = time.GetUtcNow().UtcDateTime,
                caller = caller.Id, caller.RequestId, caller.Address,
            },
            async grid =>
            {
                await grid.ReadAsync<long>();
                return await grid.ReadFirstOrDefaultAsync<Changed>();
            },
            cancel);
        if (changed is null)
            return http.Headers.IfMatch.Count > 0 ? Refusal.Stale() : Refusal.Conflict(ProblemCodes.ConcurrentChange, "Somebody else changed this account at the same time. Read it again.");
        foreach (Guid session in changed.Ended)
            ended.End(session);
        return Answer(changed.Version, changed.Id, changed.Email, changed.FullName, changed.Role, changed.IsActive, changed.CreatedAt, changed.UpdatedAt);
    }

    private static bool ChangesNothing(Request request, Row user) =>
        request.Password is null && (request.FullName ?? user.FullName) == user.FullName && (request.Role ?? user.Role) == user.Role && (request.IsActive ?? user.IsActive) == user.IsActive;

    /// <summary>A stolen token must not try passwords faster than a sign-in may.</summary>
    private static async Task<Refusal?> Confirm(string? password, Row user, string network, Passwords passwords, SignInThrottle throttle, CancellationToken cancel)
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

    private static Tagged<User.Response> Answer(long version, long id, string email, string name, string role, bool isActive, DateTime createdAt, DateTime updatedAt) =>
        new(ETag.Create(version), new User.Response(id, email, name, role, isActive, createdAt, updatedAt));
}
