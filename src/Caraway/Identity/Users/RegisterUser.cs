using System.ComponentModel.DataAnnotations;
using Caraway.Identity.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace Caraway.Identity.Users;

/// <summary>
/// <c>POST /api/v1/users</c>: callers without a credential register as patients, unless a setting closes self-registration. An
/// administrator registers users of any role.
/// </summary>
internal static class RegisterUser
{
    public sealed record Request
    {
        [Needed, Email]
        public string? Email { get; init; }

        [Needed, Text(User.NameLength, SingleLine = true)]
        public string? FullName { get; init; }

        [Needed, Password, MaxLength(2 * PasswordAttribute.Longest, ErrorMessage = "A password must have 8 to 128 characters.")]
        public string? Password { get; init; }

        [AllowedValues(
            null, Roles.Patient, Roles.Doctor, Roles.Admin, Roles.Caseworker, Roles.Adjudicator, Roles.Agent, Roles.Auditor,
            ErrorMessage = "The role must be one of patient, doctor, admin, caseworker, adjudicator, agent, auditor.")]
        public string? Role { get; init; }
    }

    /// <summary>No row comes back when the address is taken. The actor of a self-registration is the new user.</summary>
    internal const string Insert = $"""
        with added as (
            insert into identity.users (email, email_key, full_name, password_hash, role, created_at, updated_at)
            values (@email, @emailKey, @FullName, @hash, @role, @now, @now)
            on conflict (email_key) do nothing
            returning {User.Columns}
        ), logged as (
            {EventSql.Insert}
            select @now, 'user.registered', 'identity.user:' || id, coalesce(@caller, 'user:' || id), @requestId, @address,
                json_build_object('user_id', id, 'role', role)::text
            from added
        )
        select {User.Columns} from added
        """;

    public static async Task<Results<Created<User.Response>, Refusal>> Handle(
        Request request, HttpContext http, Database database, TimeProvider time, CancellationToken cancel)
    {
        var caller = http.Features.Get<Caller>();
        var role = request.Role ?? Roles.Patient;
        var hash = http.Features.Get<NewHash>()?.Value ?? throw new InvalidOperationException("HashFirst did not run.");
        var email = EmailAttribute.Normalize(request.Email!);
        var user = await database.First<User.Response>(
            Insert,
            new
            {
                email, emailKey = User.EmailKey(email), request.FullName, hash, role, now = time.GetUtcNow().UtcDateTime,
                caller = caller?.Id, requestId = http.TraceIdentifier, address = Caller.AddressOf(http),
            },
            cancel);
        return user is null
            ? Refusal.Conflict(ProblemCodes.EmailRegistered, "Email already registered")
            : TypedResults.Created($"/api/v1/users/{user.Id}", user);
    }

    /// <summary>
    /// Runs before an <c>Idempotency-Key</c> opens its transaction: checks the permission, and hashes the password while the request holds
    /// no connection.
    /// </summary>
    internal sealed class HashFirst(Passwords passwords, IOptions<IdentityOptions> options) : IEndpointFilter
    {
        public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
        {
            var (http, request) = (context.HttpContext, context.GetArgument<Request>(0));
            if (http.Features.Get<Caller>()?.May(IdentityPermissions.UsersManage) != true)
            {
                if (request.Role is not (null or Roles.Patient))
                    return Refusal.Forbidden("Only an administrator can register a user with this role.");
                if (!options.Value.SelfRegistration)
                    return Refusal.Forbidden("Only an administrator can register users here.");
            }

            if (await passwords.Hash(request.Password!, http.RequestAborted) is not { } hash)
                return Passwords.Busy;
            http.Features.Set(new NewHash(hash));
            return await next(context);
        }
    }

    private sealed record NewHash(string Value);
}
