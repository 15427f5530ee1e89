namespace Caraway.Platform.Security;

/// <summary>The permissions of the platform's own routes. Each module names its own in its contracts.</summary>
internal static class Permission
{
    public const string MetricsRead = "metrics:read";

    /// <summary>The event log and the access log.</summary>
    public const string AuditRead = "audit:read";
}

/// <summary>The permission that a route needs, as endpoint metadata.</summary>
internal sealed record RequiredPermission(string Name)
{
    /// <summary>A second permission that also lets the caller in.</summary>
    public string? Or { get; init; }

    public bool IsMetBy(Caller caller) => caller.May(Name) || (Or is not null && caller.May(Or));
}

/// <summary>The denial of a request without a credential, where it is not <see cref="Denial.NotSignedIn"/>; endpoint metadata.</summary>
internal sealed record WithoutCredential(Denial Denial);

/// <summary>Marks an open route whose answer depends on the caller; it refuses a bad credential.</summary>
internal sealed record CallerMatters;

/// <summary>Marks a route that no limit counts: a probe must not fail because somebody asks often.</summary>
internal sealed record Unlimited;

internal static class PermissionRoutes
{
    /// <summary>Admits only callers with <paramref name="permission"/>: 401 without a credential, 403 with one that lacks it.</summary>
    public static TBuilder Needs<TBuilder>(this TBuilder route, string permission, string? or = null)
        where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new RequiredPermission(permission) { Or = or });
}
