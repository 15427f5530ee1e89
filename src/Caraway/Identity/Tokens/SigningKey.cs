using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Caraway.Platform.Security;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Caraway.Identity.Tokens;

/// <summary>
/// A P-256 key that signs access tokens. The database stores it sealed: encrypted with AES-256-GCM under a key that is derived from the
/// master key, and bound to its kid.
/// </summary>
internal sealed class SigningKey : IDisposable
{
    private const int NonceLength = 12;
    private const int TagLength = 16;

    /// <summary>Without a cache of signers: a cached signer would outlive its key.</summary>
    private static readonly CryptoProviderFactory Unshared = new() { CacheSignatureProviders = false };

    private static readonly JsonWebTokenHandler Handler = new() { SetDefaultTimesOnTokenCreation = false };

    private readonly ECDsa key;
    private readonly SigningCredentials credentials;

    private SigningKey(string kid, DateTime activeFrom, DateTime expiresAt, ECDsa key)
    {
        (Kid, ActiveFrom, ExpiresAt, this.key) = (kid, activeFrom, expiresAt, key);
        credentials = new SigningCredentials(new ECDsaSecurityKey(key) { KeyId = kid }, SecurityAlgorithms.EcdsaSha256)
        {
            CryptoProviderFactory = Unshared,
        };
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        PublicKey = new JsonWebKey
        {
            Kty = "EC",
            Crv = "P-256",
            Alg = SecurityAlgorithms.EcdsaSha256,
            Use = "sig",
            Kid = kid,
            X = Base64Url.EncodeToString(point.X),
            Y = Base64Url.EncodeToString(point.Y),
        };
    }

    public string Kid { get; }

    /// <summary>The key signs from this time on. It is published earlier.</summary>
    public DateTime ActiveFrom { get; }

    /// <summary>Every token that the key signed has expired at this time.</summary>
    public DateTime ExpiresAt { get; }

    /// <summary>The public key. The library makes its own handles for it, so several requests can verify at once.</summary>
    public JsonWebKey PublicKey { get; }

    public static SigningKey Create(DateTime activeFrom, DateTime expiresAt) =>
        new(RandomNumberGenerator.GetHexString(16, lowercase: true), activeFrom, expiresAt, ECDsa.Create(ECCurve.NamedCurves.nistP256));

    /// <summary>Opens a sealed key.</summary>
    /// <exception cref="CryptographicException">The key was sealed under another master key or for another kid, or was changed.</exception>
    public static SigningKey Open(string kid, byte[] sealedKey, DateTime activeFrom, DateTime expiresAt, MasterKey master)
    {
        if (sealedKey.Length <= NonceLength + TagLength)
            throw new CryptographicException("The sealed key is too short.");
        var plain = new byte[sealedKey.Length - NonceLength - TagLength];
        var (nonce, tag) = (sealedKey[..NonceLength], sealedKey[NonceLength..(NonceLength + TagLength)]);
        using (var aes = new AesGcm(master.Derive("signing keys"), TagLength))
            aes.Decrypt(nonce, sealedKey.AsSpan(NonceLength + TagLength), tag, plain, Encoding.UTF8.GetBytes(kid));
        var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(plain, out _);
        CryptographicOperations.ZeroMemory(plain);
        return new SigningKey(kid, activeFrom, expiresAt, key);
    }

    /// <summary>Encrypts the private key.</summary>
    /// <returns>Nonce, tag and ciphertext.</returns>
    public byte[] Seal(MasterKey master)
    {
        var plain = key.ExportPkcs8PrivateKey();
        var (nonce, tag, secret) = (RandomNumberGenerator.GetBytes(NonceLength), new byte[TagLength], new byte[plain.Length]);
        using (var aes = new AesGcm(master.Derive("signing keys"), TagLength))
            aes.Encrypt(nonce, plain, secret, tag, Encoding.UTF8.GetBytes(Kid));
        CryptographicOperations.ZeroMemory(plain);
        return [.. nonce, .. tag, .. secret];
    }

    /// <summary>Signs the token.</summary>
    /// <returns>A JWS in compact form.</returns>
    public string Sign(SecurityTokenDescriptor token)
    {
        token.SigningCredentials = credentials;
        // The key is one handle of the system's library, whose documentation does not promise use by several threads at once.
        lock (key)
            return Handler.CreateToken(token);
    }

    public void Dispose() => key.Dispose();
}
