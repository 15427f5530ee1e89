using System.Collections.Frozen;
using Caraway.Advocacy.Contracts;
using Caraway.Care.Contracts;
using Caraway.Platform.Security;
using Caraway.Support.Contracts;

namespace Caraway.Identity.Contracts;

/// <summary>The roles and their permissions (docs/contracts/identity.md). docs/permissions.md shows them for every route.</summary>
internal static class Roles
{
    public const string Patient = "patient";
    public const string Doctor = "doctor";
    public const string Admin = "admin";
    public const string Caseworker = "caseworker";
    public const string Adjudicator = "adjudicator";
    public const string Agent = "agent";

    /// <summary>Auditors read everything and change only their own account.</summary>
    public const string Auditor = "auditor";

    private static readonly string[] Everybody = [IdentityPermissions.AccountRead, IdentityPermissions.AccountWrite];

    /// <summary>Everybody who works here, or is treated here, can report trouble with the program.</summary>
    private static readonly string[] Users = [.. Everybody, SupportPermissions.Read, SupportPermissions.Write];

    private static readonly FrozenDictionary<string, FrozenSet<string>> Table = new Dictionary<string, string[]>(StringComparer.Ordinal)
    {
        [Patient] = [.. Users, CarePermissions.Read, CarePermissions.Write],
        [Doctor] = [.. Users, IdentityPermissions.UsersRead, CarePermissions.Read, CarePermissions.Write],
        [Admin] = [.. PermissionCatalog.All],
        [Caseworker] =
        [
            .. Users, IdentityPermissions.UsersRead, IdentityPermissions.UsersSearch, AdvocacyPermissions.Read, AdvocacyPermissions.Write,
            CarePermissions.Read, CarePermissions.Write, CarePermissions.ReadAll, CarePermissions.WriteAll,
        ],
        [Adjudicator] = [.. Users, IdentityPermissions.UsersRead],
        [Agent] = [.. Users, IdentityPermissions.UsersRead, SupportPermissions.ReadAll],
        [Auditor] =
        [
            .. Everybody, IdentityPermissions.UsersRead, IdentityPermissions.UsersSearch, AdvocacyPermissions.Read,
            CarePermissions.Read, CarePermissions.ReadAll,
            SupportPermissions.Read, SupportPermissions.ReadAll, Permission.MetricsRead, Permission.AuditRead,
        ],
    }.ToFrozenDictionary(row => row.Key, row => row.Value.ToFrozenSet(StringComparer.Ordinal), StringComparer.Ordinal);

    public static IReadOnlyList<string> All { get; } = [Patient, Doctor, Admin, Caseworker, Adjudicator, Agent, Auditor];

    /// <summary>The permissions of a role; empty for an unknown role.</summary>
    public static FrozenSet<string> Permissions(string role) => Table.GetValueOrDefault(role, FrozenSet<string>.Empty);
}
