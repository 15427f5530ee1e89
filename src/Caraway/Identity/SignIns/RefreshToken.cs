using System.Buffers.Text;
using System.Security.Cryptography;
using Caraway.Platform.Security;

namespace Caraway.Identity.SignIns;

/// <summary>
/// Refresh tokens of 256 opaque bits. The first token of a sign-in is random. A successor is the HMAC of its parent under the master key: a
/// parent always has the same successor, and the database or the parent alone is not enough to compute it.
/// </summary>
internal sealed class RefreshToken(MasterKey master)
{
    private const int Bytes = 32;
    private const int Length = 43;

    private readonly byte[] secret = master.Derive("refresh successors");

    public static string First() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(Bytes));

    /// <summary>The hash that the database stores; null for a text that cannot be a token.</summary>
    public static byte[]? Hash(string token) => Decode(token) is { } bytes ? SHA256.HashData(bytes) : null;

    public string Successor(string token)
    {
        var bytes = Decode(token) ?? throw new ArgumentException("The text is not a refresh token.", nameof(token));
        return Base64Url.EncodeToString(HMACSHA256.HashData(secret, bytes));
    }

    /// <summary>Accepts only the canonical form, so that one token has one text.</summary>
    private static byte[]? Decode(string token)
    {
        if (token.Length != Length || !Base64Url.IsValid(token))
            return null;
        var bytes = Base64Url.DecodeFromChars(token);
        return bytes.Length == Bytes && Base64Url.EncodeToString(bytes) == token ? bytes : null;
    }
}
