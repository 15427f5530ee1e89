using System.Collections.Frozen;
using Caraway.Advocacy.Contracts;
using Caraway.Care.Contracts;
using Caraway.Platform.Security;

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

    private static readonly FrozenDictionary<string, FrozenSet<string>> Table = new Dictionary<string, string[]>(StringComparer.Ordinal)
    {
        [Patient] = [.. Everybody, CarePermissions.Read, CarePermissions.Write],
        [Doctor] = [.. Everybody, IdentityPermissions.UsersRead, CarePermissions.Read, CarePermissions.Write],
        [Admin] = [.. PermissionCatalog.All],
        [Caseworker] =
        [
            .. Everybody, IdentityPermissions.UsersRead, AdvocacyPermissions.Read, AdvocacyPermissions.Write,
            CarePermissions.Read, CarePermissions.Write, CarePermissions.ReadAll, CarePermissions.WriteAll,
        ],
        [Adjudicator] = [.. Everybody, IdentityPermissions.UsersRead],
        [Agent] = [.. Everybody, IdentityPermissions.UsersRead, IdentityPermissions.SupportRead, IdentityPermissions.SupportWrite],
        [Auditor] =
        [
            .. Everybody, IdentityPermissions.UsersRead, AdvocacyPermissions.Read, CarePermissions.Read, CarePermissions.ReadAll,
            IdentityPermissions.SupportRead, Permission.MetricsRead, Permission.AuditRead,
        ],
    }.ToFrozenDictionary(row => row.Key, row => row.Value.ToFrozenSet(StringComparer.Ordinal), StringComparer.Ordinal);

    public static IReadOnlyList<string> All { get; } = [Patient, Doctor, Admin, Caseworker, Adjudicator, Agent, Auditor];

    /// <summary>The permissions of a role; empty for an unknown role.</summary>
    public static FrozenSet<string> Permissions(string role) => Table.GetValueOrDefault(role, FrozenSet<string>.Empty);
}
