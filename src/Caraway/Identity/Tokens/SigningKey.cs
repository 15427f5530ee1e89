using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Caraway.Platform.Security;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Caraway.Identity.Tokens;

/// <summary>A P-256 key that signs access tokens. In the database it is sealed: AES-256-GCM under a key of the master key, bound to its kid.</summary>
internal sealed class SigningKey : IDisposable
{
    private const int NonceLength = 12;
    private const int TagLength = 16;

    /// <summary>A signer of the library's shared cache would outlive its key.</summary>
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

    /// <summary>When it begins to sign; it is published before.</summary>
    public DateTime ActiveFrom { get; }

    /// <summary>When the last token that it signed has expired.</summary>
    public DateTime ExpiresAt { get; }

    /// <summary>The public half. The library makes handles of its own for it, so that several requests may verify at once.</summary>
    public JsonWebKey PublicKey { get; }

    public static SigningKey Create(DateTime activeFrom, DateTime expiresAt) =>
        new(RandomNumberGenerator.GetHexString(16, lowercase: true), activeFrom, expiresAt, ECDsa.Create(ECCurve.NamedCurves.nistP256));

    /// <summary>Opens a sealed key.</summary>
    /// <exception cref="CryptographicException">It was sealed under another master key, for another kid, or changed.</exception>
    public static SigningKey Open(string kid, byte[] sealedKey, DateTime activeFrom, DateTime expiresAt, MasterKey master)
    {
        if (sealedKey.Length <= NonceLength + TagLength)
            throw new CryptographicException("The sealed key is too short.");
        var plain = new byte[sealedKey.Length - NonceLength - TagLength];
        using (var aes = new AesGcm(master.Derive("signing keys"), TagLength))
            aes.Decrypt(sealedKey.AsSpan(0, NonceLength), sealedKey.AsSpan(NonceLength + TagLength), sealedKey.AsSpan(NonceLength, TagLength), plain, Encoding.UTF8.GetBytes(kid));
        var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(plain, out _);
        CryptographicOperations.ZeroMemory(plain);
        return new SigningKey(kid, activeFrom, expiresAt, key);
    }

    /// <summary>Nonce, tag and ciphertext of the private key.</summary>
    public byte[] Seal(MasterKey master)
    {
        var plain = key.ExportPkcs8PrivateKey();
        var result = new byte[NonceLength + TagLength + plain.Length];
        RandomNumberGenerator.Fill(result.AsSpan(0, NonceLength));
        using (var aes = new AesGcm(master.Derive("signing keys"), TagLength))
            aes.Encrypt(result.AsSpan(0, NonceLength), plain, result.AsSpan(NonceLength + TagLength), result.AsSpan(NonceLength, TagLength), Encoding.UTF8.GetBytes(Kid));
        CryptographicOperations.ZeroMemory(plain);
        return result;
    }

    /// <summary>The token that says this, signed: a JWS in compact form.</summary>
    public string Sign(SecurityTokenDescriptor token)
    {
        token.SigningCredentials = credentials;
        // One key is one handle of the system's library, which does not say that it may be used by several threads at once.
        lock (key)
            return Handler.CreateToken(token);
    }

    public void Dispose() => key.Dispose();
}
