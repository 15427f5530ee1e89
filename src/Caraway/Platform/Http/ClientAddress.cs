using System.Net;
using Caraway.Platform.Hosting;
using Microsoft.AspNetCore.HttpOverrides;
using IPNetwork = System.Net.IPNetwork;

namespace Caraway.Platform.Http;

/// <summary>
/// Whose address a request has. Behind proxies of <c>TRUSTED_PROXIES</c> it is the last entry of <c>X-Forwarded-For</c> that is none of theirs;
/// what others write there is nothing.
/// </summary>
internal static class ClientAddress
{
    /// <summary>The connection's own address, for what trusts the neighbour and not the caller.</summary>
    internal sealed record Peer(IPAddress? Address);

    public static IApplicationBuilder UseClientAddress(this IApplicationBuilder app, string trustedProxies)
    {
        if (Networks("TRUSTED_PROXIES", trustedProxies) is not { Length: > 0 } networks)
            return app;
        var options = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedFor, ForwardLimit = null };
        options.KnownIPNetworks.Clear();
        options.KnownProxies.Clear();
        foreach (var network in networks)
            options.KnownIPNetworks.Add(network);
        app.Use((context, next) =>
        {
            context.Features.Set(new Peer(context.Connection.RemoteIpAddress));
            return next(context);
        });
        return app.UseForwardedHeaders(options);
    }

    public static IPAddress? OfPeer(HttpContext context) => context.Features.Get<Peer>() is { } peer ? peer.Address : context.Connection.RemoteIpAddress;

    /// <exception cref="CommandException">One is no CIDR.</exception>
    public static IPNetwork[] Networks(string setting, string list) =>
    [
        .. list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(text => IPNetwork.TryParse(text, out var network)
            ? network
            : throw new CommandException(ExitCode.BadInput, $"{setting} must be a comma list of networks such as 10.0.0.0/8; \"{text}\" is none.")),
    ];
}
