using Caraway.Platform.Http;

namespace Caraway.Platform.Security;

/// <summary>The rights that a route may ask for. A key's scopes are these names; <c>module:*</c> grants all of a module.</summary>
internal static class Permission
{
    public const string AdvocacyRead = "advocacy:read";
    public const string AdvocacyWrite = "advocacy:write";
    public const string MetricsRead = "metrics:read";

    public static IReadOnlyList<string> All { get; } = [AdvocacyRead, AdvocacyWrite, MetricsRead];
}

/// <summary>The permission that a route needs, as endpoint metadata.</summary>
/// <param name="Missing">What a request without any credential is told.</param>
internal sealed record RequiredPermission(string Name, Refusal Missing);

internal static class PermissionRoutes
{
    /// <summary>Lets only callers with <paramref name="permission"/> in: 401 without a credential, 403 with one that lacks it.</summary>
    public static TBuilder Needs<TBuilder>(this TBuilder route, string permission)
        where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new RequiredPermission(permission, ApiKey.Unknown));
}
