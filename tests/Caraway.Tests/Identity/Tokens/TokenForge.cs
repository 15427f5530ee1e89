using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Caraway.Identity.Tokens;
using Caraway.Platform.Hosting;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Identity.Tokens;

/// <summary>Makes tokens that Caraway never issues, signed with its own key or with another one.</summary>
internal static class TokenForge
{
    private const int Nonce = 12;
    private const int Tag = 16;

    private static MasterKey Master => MasterKey.Read(CarawayFixture.Master, new PrivateFolder(Path.GetTempPath()));

    public static long Now => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>The header of a token that is accepted.</summary>
    public static string Header(string kid) => $$"""{"alg":"ES256","typ":"JWT","kid":"{{kid}}"}""";

    /// <summary>The claims of a token that is accepted.</summary>
    public static Dictionary<string, object> Claims() => new(StringComparer.Ordinal)
    {
        ["iss"] = "caraway",
        ["aud"] = "caraway",
        ["sub"] = "7",
        ["role"] = "admin",
        ["sid"] = new string('a', 32),
        ["iat"] = Now,
        ["exp"] = Now + 600,
        ["jti"] = RandomNumberGenerator.GetHexString(16),
    };

    public static string Json(Dictionary<string, object> claims) => "{" + string.Join(',', claims.Select(Member)) + "}";

    private static string Member(KeyValuePair<string, object> claim) =>
        $"\"{claim.Key}\":{(claim.Value is string text ? $"\"{text}\"" : claim.Value)}";

    public static string Unsigned(string header, string payload) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header)) + "." + Base64Url.EncodeToString(Encoding.UTF8.GetBytes(payload));

    public static string Sign(ECDsa key, string header, string payload)
    {
        var signed = Unsigned(header, payload);
        return signed + "." + Base64Url.EncodeToString(Signature(key, signed, DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
    }

    public static byte[] Signature(ECDsa key, string signed, DSASignatureFormat format) =>
        key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, format);

    /// <summary>The key that signs now, with its private half.</summary>
    public static async Task<(string Kid, ECDsa Key)> CurrentKey(CarawayFixture caraway)
    {
        var kid = (await caraway.Services.GetRequiredService<SigningKeys>().Current(default)).Kid;
        var sealedKey = (await caraway.Database.Scalar<byte[]>($"select sealed_key from identity.signing_keys where kid = '{kid}'"))!;
        var plain = new byte[sealedKey.Length - Nonce - Tag];
        using var aes = new AesGcm(Master.Derive("signing keys"), Tag);
        var (nonce, tag, secret) = (sealedKey[..Nonce], sealedKey[Nonce..(Nonce + Tag)], sealedKey[(Nonce + Tag)..]);
        aes.Decrypt(nonce, secret, tag, plain, Encoding.UTF8.GetBytes(kid));
        var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(plain, out _);
        return (kid, key);
    }

    /// <summary>The key as it stands in the database.</summary>
    public static byte[] Seal(string kid, byte[] pkcs8)
    {
        var (nonce, tag, secret) = (RandomNumberGenerator.GetBytes(Nonce), new byte[Tag], new byte[pkcs8.Length]);
        using var aes = new AesGcm(Master.Derive("signing keys"), Tag);
        aes.Encrypt(nonce, pkcs8, secret, tag, Encoding.UTF8.GetBytes(kid));
        return [.. nonce, .. tag, .. secret];
    }

    public static SigningKey Open(string kid, byte[] pkcs8) =>
        SigningKey.Open(kid, Seal(kid, pkcs8), DateTime.UnixEpoch, DateTime.MaxValue, Master);

    /// <summary>Adds a key to those that verify, as every process of this database would read it.</summary>
    public static async Task Publish(CarawayFixture caraway, string kid, byte[] pkcs8)
    {
        var hex = Convert.ToHexString(Seal(kid, pkcs8));
        await caraway.Database.Execute(string.Create(CultureInfo.InvariantCulture,
            $"insert into identity.signing_keys values ('{kid}', '\\x{hex}', now(), now() - interval '1 day', now() + interval '1 day')"));
        await caraway.Services.GetRequiredService<SigningKeys>().Load(default);
    }
}
