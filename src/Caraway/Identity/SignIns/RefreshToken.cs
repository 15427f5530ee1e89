using System.Buffers.Text;
using System.Security.Cryptography;
using Caraway.Identity.Tokens;
using Caraway.Platform.Security;

namespace Caraway.Identity.SignIns;

/// <summary>
/// The successors of refresh tokens. The first token of a sign-in is random. A successor is the HMAC of its parent under the master key: a
/// parent always has the same successor, and the database or the parent alone is not enough to compute it.
/// </summary>
internal sealed class RefreshToken(MasterKey master)
{
    private readonly byte[] secret = master.Derive("refresh successors");

    public string Successor(string token)
    {
        var bytes = OpaqueToken.Decode(token) ?? throw new ArgumentException("The text is not a refresh token.", nameof(token));
        return Base64Url.EncodeToString(HMACSHA256.HashData(secret, bytes));
    }
}
