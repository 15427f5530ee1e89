using System.Buffers.Text;
using System.Security.Cryptography;
using Caraway.Platform.Security;

namespace Caraway.Identity.SignIns;

/// <summary>
/// Refresh tokens: 256 bits without a meaning. The first of a sign-in is random; a successor is the HMAC of its parent under the master key,
/// so that the same parent always has the same successor, and whoever has only the database, or only a parent, cannot make it.
/// </summary>
internal sealed class RefreshToken(MasterKey master)
{
    private const int Bytes = 32;
    private const int Length = 43;

    private readonly byte[] secret = master.Derive("refresh successors");

    public static string First() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(Bytes));

    /// <summary>What the database keeps.</summary>
    /// <returns>Null for text that cannot be a token.</returns>
    public static byte[]? Hash(string token) => Read(token) is { } bytes ? SHA256.HashData(bytes) : null;

    public string Successor(string token) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(secret, Read(token) ?? throw new ArgumentException("This is no refresh token.", nameof(token))));

    private static byte[]? Read(string token) =>
        token.Length == Length && Base64Url.IsValid(token) && Base64Url.DecodeFromChars(token) is { Length: Bytes } bytes && Base64Url.EncodeToString(bytes) == token ? bytes : null;
}
