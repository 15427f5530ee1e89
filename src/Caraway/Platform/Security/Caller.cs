using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Validation;

namespace Caraway.Platform.Security;

/// <summary>Who makes this request, as the audit trail will name it. Bound into handlers; never null on a route that needs a permission.</summary>
#pragma warning disable ASP0029 // The attribute may change yet. Without it every request validates its caller, who is ours and was not sent.
[SkipValidation]
#pragma warning restore ASP0029
public sealed record Caller
{
    /// <summary>A stable name: <c>user:5</c>, <c>apikey:7</c>, <c>apikey:environment</c>, <c>gateway:anna</c>.</summary>
    public required string Id { get; init; }

    /// <summary>What the credential permits: names of <see cref="Permission"/>.</summary>
    public required FrozenSet<string> Permissions { get; init; }

    /// <summary>The signed-in user; null for keys and gateways.</summary>
    public long? UserId { get; init; }

    /// <summary>The sign-in that the user's token comes from.</summary>
    public Guid? SessionId { get; init; }

    /// <summary>The request's id, as the answer's <c>X-Request-Id</c> says it.</summary>
    public required string RequestId { get; init; }

    /// <summary>The address that the request came from.</summary>
    public required string? Address { get; init; }

    /// <summary>What was asked for: <c>GET /cases/{id}</c>.</summary>
    public required string Action { get; init; }

    /// <summary>Why, in the caller's own words (<c>X-Access-Reason</c>), as sent.</summary>
    public string? AccessReason { get; init; }

    public bool May(string permission) => Permissions.Contains(permission);

    /// <summary>The caller that the middleware <c>Identification</c> found. Minimal APIs call this to bind the parameter.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context) =>
        ValueTask.FromResult(context.Features.Get<Caller>());

    /// <summary>A caller of this request.</summary>
    internal static Caller Of(HttpContext context, string id, FrozenSet<string> permissions) => new()
    {
        Id = id,
        Permissions = permissions,
        RequestId = context.TraceIdentifier,
        Address = AddressOf(context),
        Action = ActionOf(context),
        AccessReason = context.Request.Headers.TryGetValue("X-Access-Reason", out var reason) ? reason.ToString() : null,
    };

    /// <summary>The method and the route, without the values in it. Each of our routes has one method.</summary>
    private static string ActionOf(HttpContext context)
    {
        if (context.GetEndpoint() is not RouteEndpoint route)
            return context.Request.Method;
        if (!Actions.TryGetValue(route, out var action))
            Actions.AddOrUpdate(route, action = $"{context.Request.Method} {route.RoutePattern.RawText}");
        return action;
    }

    private static readonly ConditionalWeakTable<RouteEndpoint, string> Actions = [];

    /// <summary>An IPv4 address is written as such on a socket that takes both.</summary>
    internal static string? AddressOf(HttpContext context) =>
        context.Connection.RemoteIpAddress is { } address ? (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString() : null;

    /// <summary>What limits count by: the address, of IPv6 the first 64 bits, which one subscriber has.</summary>
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
