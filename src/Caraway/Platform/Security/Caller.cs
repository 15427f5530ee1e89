using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Validation;

namespace Caraway.Platform.Security;

/// <summary>
/// The caller of a request, with the name that the audit trail stores. Handlers take it as a parameter; it is never null on a route that
/// needs a permission.
/// </summary>
#pragma warning disable ASP0029 // The attribute is experimental. Without it, the framework validates the caller like a request body.
[SkipValidation]
#pragma warning restore ASP0029
public sealed record Caller
{
    /// <summary>A stable name: <c>user:5</c>, <c>apikey:7</c>, <c>apikey:environment</c>, <c>gateway:anna</c>.</summary>
    public required string Id { get; init; }

    /// <summary>The permissions of the credential: names of <see cref="Permission"/>.</summary>
    public required FrozenSet<string> Permissions { get; init; }

    /// <summary>The signed-in user; null for API keys and gateways.</summary>
    public long? UserId { get; init; }

    /// <summary>The sign-in that the user's token comes from.</summary>
    public Guid? SessionId { get; init; }

    /// <summary>The id of the request, which the answer repeats in <c>X-Request-Id</c>.</summary>
    public required string RequestId { get; init; }

    /// <summary>The IP address of the client.</summary>
    public required string? Address { get; init; }

    /// <summary>Method and route: <c>GET /cases/{id}</c>.</summary>
    public required string Action { get; init; }

    /// <summary>The reason that the caller gives in <c>X-Access-Reason</c>, as sent.</summary>
    public string? AccessReason { get; init; }

    public bool May(string permission) => Permissions.Contains(permission);

    /// <summary>Binds the parameter of a handler to the caller that the middleware <c>Identification</c> found.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context) =>
        ValueTask.FromResult(context.Features.Get<Caller>());

    /// <summary>Makes a caller of this request.</summary>
    internal static Caller Create(HttpContext context, string id, FrozenSet<string> permissions) => new()
    {
        Id = id,
        Permissions = permissions,
        RequestId = context.TraceIdentifier,
        Address = AddressOf(context),
        Action = ActionOf(context),
        AccessReason = context.Request.Headers.TryGetValue("X-Access-Reason", out var reason) ? reason.ToString() : null,
    };

    /// <summary>Cached by route, because each route has one method.</summary>
    private static string ActionOf(HttpContext context)
    {
        if (context.GetEndpoint() is not RouteEndpoint route)
            return context.Request.Method;
        if (!Actions.TryGetValue(route, out var action))
            Actions.AddOrUpdate(route, action = $"{context.Request.Method} {route.RoutePattern.RawText}");
        return action;
    }

    private static readonly ConditionalWeakTable<RouteEndpoint, string> Actions = [];

    /// <summary>Writes an IPv4 address as such, also on a socket for IPv6.</summary>
    internal static string? AddressOf(HttpContext context) =>
        context.Connection.RemoteIpAddress is { } address ? (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString() : null;

    /// <summary>
    /// The network that limits count: an IPv4 address, or the first 64 bits of an IPv6 address, which belong to one subscriber.
    /// </summary>
    internal static string NetworkOf(HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress;
        if (address is not { AddressFamily: System.Net.Sockets.AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false })
            return AddressOf(context) ?? "unknown";
        var bytes = address.GetAddressBytes();
        Array.Clear(bytes, 8, 8);
        return new System.Net.IPAddress(bytes) + "/64";
    }
}
