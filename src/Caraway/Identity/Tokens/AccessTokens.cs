using System.Buffers.Binary;
using System.Buffers.Text;
using System.Collections.Frozen;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Caraway.Identity.Contracts;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Caraway.Identity.Tokens;

/// <summary>The content of a verified access token.</summary>
internal sealed record AccessToken(long UserId, string Role, Guid SessionId, DateTime ExpiresAt, string Kid)
{
    /// <summary>The caller's name in the audit trail.</summary>
    public string CallerId { get; } = string.Create(CultureInfo.InvariantCulture, $"user:{UserId}");

    public FrozenSet<string> Permissions { get; } = Roles.Permissions(Role);
}

/// <summary>
/// Issues and verifies access tokens: JWT (RFC 7519) in JWS compact form (RFC 7515), ES256 only. The program sets the algorithm, not the
/// token; the kid only picks one of the program's keys. A verified token is cached by its hash until it expires, so its signature is
/// checked once.
/// </summary>
internal sealed class AccessTokens(SigningKeys keys, IOptions<IdentityOptions> options, TimeProvider time) : IDisposable
{
    /// <summary>An issued token has about 400 characters.</summary>
    internal const int Longest = 2048;

    private const int MostRemembered = 20_000;

    private static readonly string[] Algorithms = [SecurityAlgorithms.EcdsaSha256];
    private static readonly string[] Types = ["JWT"];

    /// <summary>The clock of another machine may be ahead by this much.</summary>
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(60);

    private readonly JsonWebTokenHandler handler = new() { MaximumTokenSizeInBytes = Longest };
    private readonly MemoryCache remembered = new(new MemoryCacheOptions { SizeLimit = MostRemembered });

    /// <summary>The content of a new token.</summary>
    public readonly record struct Grant(long UserId, string Role, Guid SessionId, DateTime ExpiresAt);

    /// <summary>Makes a signed token.</summary>
    public async Task<string> Issue(Grant grant, CancellationToken cancel)
    {
        var key = await keys.Current(cancel);
        return key.Sign(new SecurityTokenDescriptor
        {
            Issuer = options.Value.Issuer,
            Audience = options.Value.Audience,
            IssuedAt = time.GetUtcNow().UtcDateTime,
            Expires = grant.ExpiresAt,
            TokenType = "JWT",
            Claims = new Dictionary<string, object>(StringComparer.Ordinal)
            {
                ["sub"] = grant.UserId.ToString(CultureInfo.InvariantCulture),
                ["role"] = grant.Role,
                ["sid"] = grant.SessionId.ToString("N"),
                ["jti"] = RandomNumberGenerator.GetHexString(32, lowercase: true),
            },
        });
    }

    /// <returns>The content of the token; null when it is not valid, for whatever reason.</returns>
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
        // 128 of the 256 bits are enough: a second token with the same ones cannot be found.
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }

    private async ValueTask<AccessToken?> Check(string token, DateTime now, CancellationToken cancel)
    {
        if (token.Split('.') is not [var header, var payload, var signature])
            return null;
        if (!IsCanonical(header) || !IsCanonical(payload) || !IsCanonical(signature))
            return null;
        if (AccessTokenJson.Header(header) is not { Crit.ValueKind: JsonValueKind.Undefined } read)
            return null;
        if (await keys.Find(read.Kid, cancel) is not { } key)
            return null;
        var result = await handler.ValidateTokenAsync(token, Rules(key, now));
        return result.IsValid && AccessTokenJson.Claims(payload) is { } claims ? Read(claims, key.Kid, now) : null;
    }

    /// <summary>
    /// The rules of the library: ES256, this key, our issuer and audience. A validator of our own checks the times, because the library
    /// would accept a token for five minutes after its expiry.
    /// </summary>
    private TokenValidationParameters Rules(SigningKey key, DateTime now) => new()
    {
        ValidAlgorithms = Algorithms,
        ValidTypes = Types,
        RequireSignedTokens = true,
        IssuerSigningKey = key.PublicKey,
        TryAllIssuerSigningKeys = false,
        ValidIssuer = options.Value.Issuer,
        ValidAudience = options.Value.Audience,
        IgnoreTrailingSlashWhenValidatingAudience = false,
        RequireExpirationTime = true,
        LifetimeValidator = (notBefore, expires, _, _) => expires > now && (notBefore is null || notBefore <= now + Skew),
        LogValidationExceptions = false,
    };

    private static AccessToken? Read(AccessTokenClaims claims, string kid, DateTime now)
    {
        if (Time(claims.Exp) is not { } expires || Time(claims.Nbf) is null || Time(claims.Iat) is not { } issued || issued > now + Skew)
            return null;
        return long.TryParse(claims.Sub, NumberStyles.None, CultureInfo.InvariantCulture, out var user)
            && Guid.TryParseExact(claims.Sid, "N", out var session)
            ? new AccessToken(user, claims.Role, session, expires, kid)
            : null;
    }

    /// <summary>
    /// Whether the text is base64url without padding (RFC 7515, section 2) in its canonical form. The library also accepts padding and the
    /// plain alphabet, so one token would have several texts.
    /// </summary>
    private static bool IsCanonical(string text) =>
        text.Length > 0 && Base64Url.IsValid(text) && Base64Url.EncodeToString(Base64Url.DecodeFromChars(text)) == text;

    private static DateTime? Time(long seconds) =>
        seconds is >= 0 and <= 253_402_300_799 ? DateTimeOffset.FromUnixTimeSeconds(seconds).UtcDateTime : null;
}
