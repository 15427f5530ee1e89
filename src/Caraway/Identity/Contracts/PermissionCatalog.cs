using Caraway.Advocacy.Contracts;
using Caraway.Care.Contracts;
using Caraway.Platform.Security;
using Caraway.Support.Contracts;

namespace Caraway.Identity.Contracts;

/// <summary>Every permission of the program. The scopes of an API key are these names; <c>module:*</c> grants all of a module.</summary>
internal static class PermissionCatalog
{
    public static IReadOnlyList<string> All { get; } =
    [
        IdentityPermissions.AccountRead, IdentityPermissions.AccountWrite, IdentityPermissions.UsersRead, IdentityPermissions.UsersSearch,
        IdentityPermissions.UsersManage,
        AdvocacyPermissions.Read, AdvocacyPermissions.Write,
        CarePermissions.Read, CarePermissions.Write, CarePermissions.ReadAll, CarePermissions.WriteAll,
        SupportPermissions.Read, SupportPermissions.Write, SupportPermissions.ReadAll, SupportPermissions.WriteAll,
        Permission.MetricsRead, Permission.AuditRead,
    ];

    /// <summary>The permissions of a scope: the one of that name, or for <c>module:*</c> all of the module.</summary>
    /// <returns>An empty list for an unknown scope.</returns>
    public static IEnumerable<string> OfScope(string scope) =>
        scope.EndsWith(":*", StringComparison.Ordinal)
            ? All.Where(permission => permission.StartsWith(scope[..^1], StringComparison.Ordinal))
            : All.Where(permission => permission == scope);
}
