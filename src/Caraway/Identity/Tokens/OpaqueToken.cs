using System.Buffers.Text;
using System.Security.Cryptography;

namespace Caraway.Identity.Tokens;

/// <summary>Tokens of 256 bits that mean nothing by themselves. The database stores their hashes.</summary>
internal static class OpaqueToken
{
    private const int Bytes = 32;
    private const int Length = 43;

    public static string Create() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(Bytes));

    /// <summary>The hash that the database stores; null for a text that cannot be a token.</summary>
    public static byte[]? Hash(string token) => Decode(token) is { } bytes ? SHA256.HashData(bytes) : null;

    /// <summary>The bits of a token, or null. Accepts only the canonical form, so that one token has one text.</summary>
    public static byte[]? Decode(string token)
    {
        if (token.Length != Length || !Base64Url.IsValid(token))
            return null;
        var bytes = Base64Url.DecodeFromChars(token);
        return bytes.Length == Bytes && Base64Url.EncodeToString(bytes) == token ? bytes : null;
    }
}
