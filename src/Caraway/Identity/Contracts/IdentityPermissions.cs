namespace Caraway.Identity.Contracts;

/// <summary>The permissions of Identity's routes.</summary>
internal static class IdentityPermissions
{
    /// <summary>The caller's own account; every signed-in user has both.</summary>
    public const string AccountRead = "account:read";
    public const string AccountWrite = "account:write";

    /// <summary>Every account.</summary>
    public const string UsersRead = "users:read";

    /// <summary>Finding persons by name or address in the search over all desks.</summary>
    public const string UsersSearch = "users:search";

    /// <summary>Listing accounts, giving roles, activating.</summary>
    public const string UsersManage = "users:manage";
}
