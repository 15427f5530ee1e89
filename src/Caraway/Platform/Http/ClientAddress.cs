using System.Net;
using Caraway.Platform.Hosting;
using Microsoft.AspNetCore.HttpOverrides;
using IPNetwork = System.Net.IPNetwork;

namespace Caraway.Platform.Http;

/// <summary>
/// The address that a request came from. Behind the proxies of <c>TRUSTED_PROXIES</c> it is the last entry of <c>X-Forwarded-For</c> that
/// is not such a proxy. The header is ignored on connections from anybody else.
/// </summary>
internal static class ClientAddress
{
    /// <summary>The connection's own address, for checks that trust the neighbouring machine and not the caller.</summary>
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

    public static IPAddress? OfPeer(HttpContext context) =>
        context.Features.Get<Peer>() is { } peer ? peer.Address : context.Connection.RemoteIpAddress;

    /// <exception cref="CommandException">An entry is not in CIDR notation.</exception>
    public static IPNetwork[] Networks(string setting, string list) =>
        [.. list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(text => Network(setting, text))];

    private static IPNetwork Network(string setting, string text) => IPNetwork.TryParse(text, out var network)
        ? network
        : throw new CommandException(
            ExitCode.BadInput, $"{setting} must be a comma list of networks such as 10.0.0.0/8; \"{text}\" is not a network.");
}
