using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Identity.Users;

/// <summary>
/// <c>GET /api/v1/users/{id}</c>: users read their own account, staff read every account. The answer for an account that the caller may
/// not read is the same 404 as for an unknown id.
/// </summary>
internal static class GetUser
{
    internal const string Select = $"select {User.Columns}, version from identity.users where id = @Value and (@any or id = @UserId)";

    public static async Task<Results<Tagged<User.Response>, Refusal>> Handle(
        RowId id, Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        var any = caller.May(IdentityPermissions.UsersRead);
        var user = await database.First<User.Row>(Select, new { id.Value, any, caller.UserId }, cancel);
        if (user is null)
            return Refusal.NotFound(ProblemCodes.UserNotFound, "User not found");
        if (user.Role == Roles.Patient && accesses.Add(caller, AccessedPatients.Create(user.Id)) is { } unrecorded)
            return unrecorded;
        return user.ToAnswer();
    }
}
