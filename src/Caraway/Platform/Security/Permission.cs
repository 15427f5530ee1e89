using Caraway.Platform.Http;

namespace Caraway.Platform.Security;

/// <summary>The rights that a route may ask for. A key's scopes are these names; <c>module:*</c> grants all of a module.</summary>
internal static class Permission
{
    /// <summary>One's own account, which every signed-in user has.</summary>
    public const string AccountRead = "account:read";
    public const string AccountWrite = "account:write";

    /// <summary>Anybody's account.</summary>
    public const string UsersRead = "users:read";

    /// <summary>Listing accounts, giving roles, activating.</summary>
    public const string UsersManage = "users:manage";
    public const string AdvocacyRead = "advocacy:read";
    public const string AdvocacyWrite = "advocacy:write";

    /// <summary>One's own appointments and results: as a patient, or as the doctor.</summary>
    public const string CareRead = "care:read";
    public const string CareWrite = "care:write";

    /// <summary>Everybody's.</summary>
    public const string CareReadAll = "care:read_all";
    public const string CareWriteAll = "care:write_all";
    public const string SupportRead = "support:read";
    public const string SupportWrite = "support:write";
    public const string MetricsRead = "metrics:read";

    /// <summary>What happened, and who looked at whose data.</summary>
    public const string AuditRead = "audit:read";

    public static IReadOnlyList<string> All { get; } =
        [AccountRead, AccountWrite, UsersRead, UsersManage, AdvocacyRead, AdvocacyWrite, CareRead, CareWrite, CareReadAll, CareWriteAll, SupportRead, SupportWrite, MetricsRead, AuditRead];

    /// <summary>The permissions that a scope means: itself, or for <c>module:*</c> all of the module's. None when there is no such scope.</summary>
    public static IEnumerable<string> OfScope(string scope) =>
        scope.EndsWith(":*", StringComparison.Ordinal)
            ? All.Where(permission => permission.StartsWith(scope[..^1], StringComparison.Ordinal))
            : All.Where(permission => permission == scope);
}

/// <summary>The permission that a route needs, as endpoint metadata.</summary>
/// <param name="Missing">What a request without any credential is told.</param>
internal sealed record RequiredPermission(string Name, Refusal Missing)
{
    /// <summary>Another permission that lets in as well.</summary>
    public string? Or { get; init; }

    public bool IsMetBy(Caller caller) => caller.May(Name) || (Or is not null && caller.May(Or));
}

internal static class PermissionRoutes
{
    /// <summary>Lets only callers with <paramref name="permission"/> in: 401 without a credential, 403 with one that lacks it.</summary>
    public static TBuilder Needs<TBuilder>(this TBuilder route, string permission, string? or = null)
        where TBuilder : IEndpointConventionBuilder
    {
        var missing = permission.StartsWith("advocacy:", StringComparison.Ordinal) ? Identification.KeyRefused : Identification.NotSignedIn;
        return route.WithMetadata(new RequiredPermission(permission, missing) { Or = or });
    }
}
