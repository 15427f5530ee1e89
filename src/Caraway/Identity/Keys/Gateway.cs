using System.Collections.Frozen;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Caraway.Identity.Contracts;
using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Platform.Security;
using Caraway.Support.Contracts;
using Microsoft.Extensions.Options;

namespace Caraway.Identity.Keys;

/// <summary>
/// <c>X-User-ID</c> of an API gateway that signs its users in. The header is accepted when the connection itself comes from a trusted
/// network or the request carries the gateway's secret; otherwise it is ignored. It gives two permissions as that user and nothing else
/// (docs/contracts/identity.md).
/// </summary>
internal sealed class Gateway : ICredential
{
    /// <summary>Named one by one: <c>support:*</c> would also grant what only staff may do.</summary>
    private static readonly FrozenSet<string> Permissions =
        FrozenSet.Create(StringComparer.Ordinal, SupportPermissions.Read, SupportPermissions.Write);

    private readonly IPNetwork[] trusted;
    private readonly byte[]? secretHash;

    /// <exception cref="CommandException">A network is not a CIDR.</exception>
    public Gateway(IOptions<IdentityOptions> options)
    {
        trusted = ClientAddress.Networks("GATEWAY_TRUSTED_NETWORKS", options.Value.GatewayTrustedNetworks);
        secretHash = options.Value.GatewaySecret.Length > 0 ? Hash(options.Value.GatewaySecret) : null;
    }

    public ValueTask<Identified> Identify(HttpContext context)
    {
        var header = context.Request.Headers["X-User-ID"];
        if (header.Count == 0 || !IsTrusted(context))
            return default;
        // Two ids, an impossible one or the name of another actor: the gateway is misconfigured, and the caller stays unknown.
        return ValueTask.FromResult(header is [{ } id] && GatewayId.Fits(id)
            ? new Identified(Caller.Create(context, GatewayId.Actor + id, Permissions), null)
            : new Identified(null, Denial.UserIdRefused));
    }

    private static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    private bool IsTrusted(HttpContext context)
    {
        if (ClientAddress.OfPeer(context) is { } address)
        {
            var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
            if (Array.Exists(trusted, network => network.Contains(plain)))
                return true;
        }

        return secretHash is not null
            && context.Request.Headers["X-Gateway-Secret"] is [{ } given]
            && CryptographicOperations.FixedTimeEquals(Hash(given), secretHash);
    }
}
