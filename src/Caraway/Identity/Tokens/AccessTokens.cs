using System.Buffers.Text;
using System.Collections.Frozen;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Caraway.Platform.Security;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Options;

namespace Caraway.Identity.Tokens;

/// <summary>What an access token says, verified.</summary>
internal sealed record AccessToken(long UserId, string Role, Guid SessionId, DateTime ExpiresAt, string Kid)
{
    /// <summary>As the audit trail names him.</summary>
    public string CallerId { get; } = string.Create(CultureInfo.InvariantCulture, $"user:{UserId}");

    public FrozenSet<string> Permissions { get; } = Roles.Permissions(Role);
}

/// <summary>
/// Access tokens: JWT (RFC 7519) in JWS compact form (RFC 7515), ES256 and nothing else. The algorithm is ours, not the token's; the kid
/// only picks one of our keys. A verified token is remembered by its hash until it expires, so that its signature is checked once.
/// </summary>
internal sealed class AccessTokens(SigningKeys keys, IOptions<IdentityOptions> options, TimeProvider time) : IDisposable
{
    /// <summary>Ours have some 400 characters.</summary>
    internal const int Longest = 2048;

    private const int MostRemembered = 20_000;

    /// <summary>How far other machines' clocks may be ahead.</summary>
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(60);

    private readonly MemoryCache remembered = new(new MemoryCacheOptions { SizeLimit = MostRemembered });

    /// <summary>What a token is to say.</summary>
    public readonly record struct Grant(long UserId, string Role, Guid SessionId, DateTime ExpiresAt);

    /// <summary>A signed token for this user and sign-in.</summary>
    public async Task<string> Issue(Grant grant, CancellationToken cancel)
    {
        var key = await keys.Current(cancel);
        var now = time.GetUtcNow();
        var header = Json(writer =>
        {
            writer.WriteString("alg", "ES256");
            writer.WriteString("typ", "JWT");
            writer.WriteString("kid", key.Kid);
        });
        var payload = Json(writer =>
        {
            writer.WriteString("iss", options.Value.Issuer);
            writer.WriteString("aud", options.Value.Audience);
            writer.WriteString("sub", grant.UserId.ToString(CultureInfo.InvariantCulture));
            writer.WriteString("role", grant.Role);
            writer.WriteString("sid", grant.SessionId.ToString("N"));
            writer.WriteNumber("iat", now.ToUnixTimeSeconds());
            writer.WriteNumber("exp", new DateTimeOffset(grant.ExpiresAt).ToUnixTimeSeconds());
            writer.WriteString("jti", RandomNumberGenerator.GetHexString(32, lowercase: true));
        });
        var signed = Base64Url.EncodeToString(header) + "." + Base64Url.EncodeToString(payload);
        return signed + "." + Base64Url.EncodeToString(key.Sign(Encoding.ASCII.GetBytes(signed)));
    }

    /// <summary>What the token says, when it is one of ours and holds now.</summary>
    /// <returns>Null for every other text, whatever is wrong with it.</returns>
    public async ValueTask<AccessToken?> Verify(string token, CancellationToken cancel)
    {
        if (token.Length > Longest || !Ascii.IsValid(token))
            return null;
        var now = time.GetUtcNow().UtcDateTime;
        var hash = Hash(token);
        if (remembered.TryGetValue(hash, out AccessToken? known) && known is not null)
            return known.ExpiresAt > now && keys.Holds(known.Kid) ? known : null;
        if (await Check(token, now, cancel) is not { } good)
            return null;
        remembered.Set(hash, good, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = good.ExpiresAt - now });
        return good;
    }

    public void Dispose() => remembered.Dispose();

    private static UInt128 Hash(string token)
    {
        Span<byte> bytes = stackalloc byte[token.Length];
        Encoding.ASCII.GetBytes(token, bytes);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, hash);
        // 128 of the 256 bits: nobody finds a second token for one of those.
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }

    private async ValueTask<AccessToken?> Check(string token, DateTime now, CancellationToken cancel)
    {
        var parts = token.Split('.');
        if (parts.Length != 3 || Decode(parts[0]) is not { } header || Decode(parts[1]) is not { } payload || Decode(parts[2]) is not { Length: 64 } signature)
            return null;
        if (Kid(header) is not { } kid || await keys.Find(kid, cancel) is not { } key)
            return null;
        return key.Verifies(Encoding.ASCII.GetBytes(token[..(parts[0].Length + 1 + parts[1].Length)]), signature) ? Claims(payload, kid, now) : null;
    }

    /// <summary>Base64url without padding (RFC 7515, section 2), in its one canonical form.</summary>
    private static byte[]? Decode(string text)
    {
        if (text.Length == 0 || text.AsSpan().ContainsAnyExcept("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") || !Base64Url.IsValid(text))
            return null;
        var bytes = Base64Url.DecodeFromChars(text);
        return Base64Url.EncodeToString(bytes) == text ? bytes : null;
    }

    /// <summary>The kid of a header that says ES256 and nothing that we do not know (RFC 7515, section 4.1.11).</summary>
    private static string? Kid(byte[] header)
    {
        try
        {
            using var json = JsonDocument.Parse(header);
            var root = json.RootElement;
            return root.ValueKind == JsonValueKind.Object && !root.TryGetProperty("crit", out _) && Text(root, "alg") == "ES256" && Text(root, "typ") == "JWT" ? Text(root, "kid") : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // No JSON, or a text with half of a surrogate pair.
            return null;
        }
    }

    private AccessToken? Claims(byte[] payload, string kid, DateTime now)
    {
        try
        {
            using var json = JsonDocument.Parse(payload);
            var root = json.RootElement;
            if (root.ValueKind != JsonValueKind.Object || Text(root, "iss") != options.Value.Issuer || Text(root, "aud") != options.Value.Audience)
                return null;
            if (Time(root, "exp") is not { } expires || expires <= now || Time(root, "iat") is not { } issued || issued > now + Skew)
                return null;
            if (root.TryGetProperty("nbf", out _) && (Time(root, "nbf") is not { } notBefore || notBefore > now + Skew))
                return null;
            return long.TryParse(Text(root, "sub"), NumberStyles.None, CultureInfo.InvariantCulture, out var user)
                && Guid.TryParseExact(Text(root, "sid"), "N", out var session) && Text(root, "role") is { } role
                ? new AccessToken(user, role, session, expires, kid)
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // No JSON, or a text with half of a surrogate pair.
            return null;
        }
    }

    private static string? Text(JsonElement json, string name) => json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static DateTime? Time(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var seconds) && seconds is >= 0 and <= 253_402_300_799
            ? DateTimeOffset.FromUnixTimeSeconds(seconds).UtcDateTime
            : null;

    private static byte[] Json(Action<Utf8JsonWriter> write)
    {
        using var memory = new MemoryStream();
        using (var writer = new Utf8JsonWriter(memory))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        return memory.ToArray();
    }
}
