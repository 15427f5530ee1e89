using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Identity.Users;

/// <summary><c>GET /api/v1/users/{id}</c>: one's own account; staff see any. What one may not see is not there.</summary>
internal static class GetUser
{
    internal const string Select = $"select {User.Columns}, version from identity.users where id = @Value and (@any or id = @UserId)";

    private sealed record Row(long Id, string Email, string FullName, string Role, bool IsActive, DateTime CreatedAt, DateTime UpdatedAt, long Version);

    public static async Task<Results<Tagged<User.Response>, Refusal>> Handle(RowId id, Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        var row = await database.First<Row>(Select, new { id.Value, any = caller.May(IdentityPermissions.UsersRead), caller.UserId }, cancel);
        if (row is null)
            return Refusal.NotFound(ProblemCodes.UserNotFound, "User not found");
        return row.Role == Roles.Patient && accesses.Add(caller, AccessedPatients.Create(row.Id)) is { } unrecorded
            ? unrecorded
            : new Tagged<User.Response>(ETag.Create(row.Version), new User.Response(row.Id, row.Email, row.FullName, row.Role, row.IsActive, row.CreatedAt, row.UpdatedAt));
    }
}
