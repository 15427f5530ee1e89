using System.Collections.Frozen;

namespace Caraway.Platform.Security;

/// <summary>The one table of roles and what each permits (docs/contracts/identity.md). docs/permissions.md shows it against every route.</summary>
internal static class Roles
{
    public const string Patient = "patient";
    public const string Doctor = "doctor";
    public const string Admin = "admin";
    public const string Caseworker = "caseworker";
    public const string Adjudicator = "adjudicator";
    public const string Agent = "agent";

    /// <summary>Reads everything and changes nothing but his own account.</summary>
    public const string Auditor = "auditor";

    private static readonly string[] Everybody = [Permission.AccountRead, Permission.AccountWrite];

    private static readonly FrozenDictionary<string, FrozenSet<string>> Table = new Dictionary<string, string[]>(StringComparer.Ordinal)
    {
        [Patient] = [.. Everybody, Permission.CareRead, Permission.CareWrite],
        [Doctor] = [.. Everybody, Permission.UsersRead, Permission.CareRead, Permission.CareWrite],
        [Admin] = [.. Permission.All],
        [Caseworker] = [.. Everybody, Permission.UsersRead, Permission.AdvocacyRead, Permission.AdvocacyWrite, Permission.CareRead, Permission.CareWrite, Permission.CareReadAll, Permission.CareWriteAll],
        [Adjudicator] = [.. Everybody, Permission.UsersRead],
        [Agent] = [.. Everybody, Permission.UsersRead, Permission.SupportRead, Permission.SupportWrite],
        [Auditor] = [.. Everybody, Permission.UsersRead, Permission.AdvocacyRead, Permission.CareRead, Permission.CareReadAll, Permission.SupportRead, Permission.MetricsRead, Permission.AuditRead],
    }.ToFrozenDictionary(row => row.Key, row => row.Value.ToFrozenSet(StringComparer.Ordinal), StringComparer.Ordinal);

    public static IReadOnlyList<string> All { get; } = [Patient, Doctor, Admin, Caseworker, Adjudicator, Agent, Auditor];

    /// <summary>What a role permits; nothing when there is no such role.</summary>
    public static FrozenSet<string> Permissions(string role) => Table.GetValueOrDefault(role, FrozenSet<string>.Empty);
}
