using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Caraway.Identity.Tokens;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Caraway.Tests.Identity.Tokens;

/// <summary>Forgeries that aim at a general JWT library: keys in the header, encryption, extensions, tolerant reading, sizes.</summary>
public sealed class ForgedTokenTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private AccessTokens Tokens => caraway.Services.GetRequiredService<AccessTokens>();

    [Theory]
    [InlineData("\"aud\":\"caraway\"", "\"aud\":[\"caraway\"]")]
    [InlineData("\"aud\":\"caraway\"", "\"aud\":[\"evil\",\"caraway\"]")]
    [InlineData("\"aud\":\"caraway\"", "\"aud\":\"caraway/\"")]
    [InlineData("\"aud\":\"caraway\"", "\"aud\":\"Caraway\"")]
    [InlineData("\"iss\":\"caraway\"", "\"iss\":\"Caraway\"")]
    [InlineData("\"iss\":\"caraway\"", "\"iss\":\"caraway/\"")]
    [InlineData("\"iss\":\"caraway\"", "\"iss\":[\"caraway\"]")]
    [InlineData("\"exp\":EXP", "\"exp\":\"EXP\"")]
    [InlineData("\"exp\":EXP", "\"exp\":EXP.5")]
    [InlineData("\"exp\":EXP", "\"exp\":1e10")]
    [InlineData("\"exp\":EXP", "\"exp\":253402300800")]
    [InlineData("\"exp\":EXP", "\"exp\":99999999999999999999")]
    [InlineData("\"exp\":EXP", "\"exp\":-1")]
    [InlineData("\"exp\":EXP", "\"exp\":null")]
    [InlineData("\"exp\":EXP", "\"exp\":1,\"exp\":EXP")]
    [InlineData("\"exp\":EXP", "\"exp\":EXP,\"exp\":1")]
    [InlineData("\"exp\":EXP", "\"exp\":EXP,\"nbf\":null")]
    [InlineData("\"exp\":EXP", "\"exp\":EXP,\"nbf\":\"1\"")]
    [InlineData("\"exp\":EXP", "\"exp\":EXP,\"nbf\":1.5")]
    [InlineData("\"exp\":EXP", "\"exp\":EXP,\"nbf\":-1")]
    [InlineData("\"exp\":EXP", "\"EXP\":EXP")]
    [InlineData("\"iat\":", "\"iat\":1,\"iat\":")]
    [InlineData("\"iat\":", "\"iat\":1.5,\"was\":")]
    [InlineData("\"sub\":\"7\"", "\"sub\":7")]
    [InlineData("\"sub\":\"7\"", "\"sub\":\"7\",\"sub\":\"8\"")]
    [InlineData("\"sub\":\"7\"", "\"sub\":\" 7\"")]
    [InlineData("\"sub\":\"7\"", "\"sub\":\"99999999999999999999\"")]
    [InlineData("\"role\":\"admin\"", "\"role\":[\"admin\"]")]
    [InlineData("\"role\":\"admin\"", "\"role\":\"patient\",\"role\":\"admin\"")]
    [InlineData("\"role\":\"admin\"", "\"role\":null")]
    [InlineData("\"role\":\"admin\"", "\"role\":\"\\ud800\"")]
    [InlineData("}", "} x")]
    [InlineData("}", "}{}")]
    [InlineData("}", ",}")]
    [InlineData("{", "[{")]
    public async Task A_correctly_signed_payload_of_another_shape_is_refused(string part, string replacement)
    {
        var (kid, key) = await TokenForge.CurrentKey(caraway);
        var expires = (TokenForge.Now + 600).ToString(CultureInfo.InvariantCulture);
        var claims = TokenForge.Claims();
        claims["exp"] = TokenForge.Now + 600;
        var good = TokenForge.Json(claims);
        var bad = good.Replace(Filled(part), Filled(replacement), StringComparison.Ordinal);

        Assert.NotEqual(good, bad);
        Assert.NotNull(await Tokens.Verify(TokenForge.Sign(key, TokenForge.Header(kid), good), default));
        Assert.Null(await Tokens.Verify(TokenForge.Sign(key, TokenForge.Header(kid), bad), default));

        string Filled(string text) => text.Replace("EXP", expires, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"alg":"none","alg":"ES256","typ":"JWT","kid":"KID"}""")]
    [InlineData("""{"alg":"ES256","alg":"none","typ":"JWT","kid":"KID"}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","kid":"another","kid":"KID"}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","kid":"KID","kid":"another"}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","kid":"KID","crit":null}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","kid":"KID","crit":[]}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","kid":"KID","crit":["exp"],"exp":1}""")]
    [InlineData("""{"alg":"ES256","typ":"jwt","kid":"KID"}""")]
    [InlineData("""{"alg":"ES256","typ":["JWT"],"kid":"KID"}""")]
    [InlineData("""{"alg":"ES256","typ":"application/jwt","kid":"KID"}""")]
    [InlineData("""{"alg":"ES256","kid":"KID"}""")]
    [InlineData("""{"alg":"ES256 ","typ":"JWT","kid":"KID"}""")]
    [InlineData("""{"alg":"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256","typ":"JWT","kid":"KID"}""")]
    [InlineData("""{"alg":"ECDH-ES","enc":"A256GCM","typ":"JWT","kid":"KID"}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","kid":" KID"}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","kid":"KID\u0000"}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","kid":["KID"]}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","kid":null}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","x5t":"KID"}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","kid":"KID"} x""")]
    public async Task A_correctly_signed_header_of_another_shape_is_refused(string header)
    {
        var (kid, key) = await TokenForge.CurrentKey(caraway);

        var forged = TokenForge.Sign(key, header.Replace("KID", kid, StringComparison.Ordinal), TokenForge.Json(TokenForge.Claims()));
        Assert.Null(await Tokens.Verify(forged, default));
    }

    [Fact]
    public async Task A_kid_in_upper_case_is_another_key()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await TokenForge.Publish(caraway, "letters", key.ExportPkcs8PrivateKey());
        var claims = TokenForge.Json(TokenForge.Claims());

        Assert.NotNull(await Tokens.Verify(TokenForge.Sign(key, TokenForge.Header("letters"), claims), default));
        Assert.Null(await Tokens.Verify(TokenForge.Sign(key, TokenForge.Header("LETTERS"), claims), default));
    }

    [Fact]
    public async Task A_token_under_the_kid_of_our_other_key_is_refused()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await TokenForge.Publish(caraway, "other", other.ExportPkcs8PrivateKey());
        var (kid, key) = await TokenForge.CurrentKey(caraway);
        var claims = TokenForge.Json(TokenForge.Claims());

        Assert.NotNull(await Tokens.Verify(TokenForge.Sign(other, TokenForge.Header("other"), claims), default));
        Assert.NotEqual("other", kid);
        Assert.Null(await Tokens.Verify(TokenForge.Sign(other, TokenForge.Header(kid), claims), default));
        Assert.Null(await Tokens.Verify(TokenForge.Sign(key, TokenForge.Header("other"), claims), default));
    }

    /// <summary>The header has a key (RFC 7515, sections 4.1.2 to 4.1.8) or an address of one that a careless library would read.</summary>
    [Fact]
    public async Task A_key_in_the_header_of_a_token_is_not_used()
    {
        using var evil = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = new CertificateRequest("CN=caraway", evil, HashAlgorithmName.SHA256)
            .CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var address = "http://" + listener.LocalEndpoint;
        var point = evil.ExportParameters(includePrivateParameters: false).Q;
        var (kid, _) = await TokenForge.CurrentKey(caraway);
        var (x, y) = (Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
        var (x5c, x5t) = (Convert.ToBase64String(certificate.RawData), Base64Url.EncodeToString(certificate.GetCertHash()));
        string Brought(string name) => $$"""
            "jwk":{"kty":"EC","crv":"P-256","kid":"{{name}}","x":"{{x}}","y":"{{y}}"},"x5c":["{{x5c}}"],"x5t":"{{x5t}}"
            """;
        string[] headers =
        [
            .. new[] { kid, "evil", "" }.Select(name => $$"""{"alg":"ES256","typ":"JWT","kid":"{{name}}",{{Brought(name)}}}"""),
            $$"""{"alg":"ES256","typ":"JWT",{{Brought("evil")}}}""",
            $$"""{"alg":"ES256","typ":"JWT","kid":"{{kid}}","jku":"{{address}}/keys.json","x5u":"{{address}}/chain.pem"}""",
            $$"""{"alg":"ES256","typ":"JWT","kid":"{{address}}/keys.json","jku":"{{address}}/keys.json"}""",
        ];

        foreach (var header in headers)
            Assert.Null(await Tokens.Verify(TokenForge.Sign(evil, header, TokenForge.Json(TokenForge.Claims())), default));
        Assert.False(listener.Pending());
    }

    [Fact]
    public async Task An_unsigned_token_is_refused_with_every_algorithm()
    {
        var (kid, _) = await TokenForge.CurrentKey(caraway);
        foreach (var algorithm in new[] { "none", "NONE", "", "ES256" })
        {
            var header = $$"""{"alg":"{{algorithm}}","typ":"JWT","kid":"{{kid}}"}""";
            var unsigned = TokenForge.Unsigned(header, TokenForge.Json(TokenForge.Claims()));
            foreach (var end in new[] { ".", "", "..", ".AA" })
                Assert.Null(await Tokens.Verify(unsigned + end, default));
        }
    }

    /// <summary>JWE (RFC 7516) under public keys, with a valid token and with an unsigned one inside.</summary>
    [Fact]
    public async Task An_encrypted_token_is_refused()
    {
        var (kid, key) = await TokenForge.CurrentKey(caraway);
        var good = TokenForge.Sign(key, TokenForge.Header(kid), TokenForge.Json(TokenForge.Claims()));
        var secret = new SymmetricSecurityKey(key.ExportParameters(includePrivateParameters: false).Q.X) { KeyId = kid };
        var handler = new JsonWebTokenHandler();
        var credentials = new EncryptingCredentials(secret, "dir", SecurityAlgorithms.Aes128CbcHmacSha256);
        var direct = handler.EncryptToken(good, credentials);
        var plain = TokenForge.Unsigned("""{"alg":"none"}""", TokenForge.Json(TokenForge.Claims())) + ".";
        var unsigned = handler.EncryptToken(plain, credentials);
        var parts = good.Split('.');
        var mixed = $"{parts[0]}..{parts[1]}.{parts[2]}.AAAA";

        Assert.NotNull(await Tokens.Verify(good, default));
        foreach (var token in new[] { direct, unsigned, mixed, good + ".AAAA.AAAA", $"{good}..", $"..{good}" })
            Assert.Null(await Tokens.Verify(token, default));
    }

    [Fact]
    public async Task A_signature_has_one_accepted_text()
    {
        var (kid, key) = await TokenForge.CurrentKey(caraway);
        string good;
        do
        {
            good = TokenForge.Sign(key, TokenForge.Header(kid), TokenForge.Json(TokenForge.Claims()));
        }
        while (!good.Split('.')[2].Contains('-', StringComparison.Ordinal));
        var dot = good.LastIndexOf('.');
        var der = TokenForge.Signature(key, good[..dot], DSASignatureFormat.Rfc3279DerSequence);
        var plain = Base64Url.DecodeFromChars(good.AsSpan(dot + 1));
        string[] others =
        [
            good + "=",
            good + "==",
            good + " ",
            good + "A",
            good[..dot] + good[dot..].Replace('-', '+').Replace('_', '/'),
            good[..dot] + "." + Base64Url.EncodeToString(der),
            good[..dot] + "." + Convert.ToHexString(plain),
            good[..dot] + "." + Base64Url.EncodeToString([.. plain, 0]),
            good[..dot] + "." + Base64Url.EncodeToString([0, .. plain]),
            good[..(dot + 5)] + "\n" + good[(dot + 5)..],
        ];

        Assert.NotNull(await Tokens.Verify(good, default));
        foreach (var other in others)
            Assert.Null(await Tokens.Verify(other, default));
    }

    [Fact]
    public async Task Tokens_of_more_than_2048_characters_and_deeply_nested_tokens_are_refused()
    {
        var (kid, key) = await TokenForge.CurrentKey(caraway);
        var claims = TokenForge.Claims();
        string Padded(int length)
        {
            claims["pad"] = new string('x', length);
            return TokenForge.Sign(key, TokenForge.Header(kid), TokenForge.Json(claims));
        }

        var fits = Enumerable.Range(1, 1500).Select(Padded).Last(token => token.Length <= AccessTokens.Longest);
        Assert.InRange(fits.Length, AccessTokens.Longest - 3, AccessTokens.Longest);
        Assert.NotNull(await Tokens.Verify(fits, default));
        Assert.Null(await Tokens.Verify(Padded(1600), default));

        var nested = string.Concat(Enumerable.Repeat("[", 500)) + string.Concat(Enumerable.Repeat("]", 500));
        claims.Remove("pad");
        Assert.Null(await Tokens.Verify(TokenForge.Sign(key, WithNested(TokenForge.Header(kid)), "{}"), default));
        Assert.Null(await Tokens.Verify(TokenForge.Sign(key, TokenForge.Header(kid), WithNested(TokenForge.Json(claims))), default));

        string WithNested(string json) => json.Replace("}", $",\"x\":{nested}}}", StringComparison.Ordinal);
    }

    /// <summary>One key serves all requests of a process.</summary>
    [Fact]
    public async Task Tokens_are_signed_and_verified_at_the_same_time()
    {
        await Parallel.ForAsync(1, 400, async (user, cancel) =>
        {
            var grant = new AccessTokens.Grant(user, "patient", Guid.NewGuid(), TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(5));
            var token = await Tokens.Verify(await Tokens.Issue(grant, cancel), cancel);
            Assert.Equal((grant.UserId, grant.SessionId), (token!.UserId, token.SessionId));
        });
    }

    /// <summary>The answer over HTTP is the same for every forgery and repeats nothing of the token.</summary>
    [Fact]
    public async Task Every_forged_token_gets_the_same_401()
    {
        var (kid, key) = await TokenForge.CurrentKey(caraway);
        using var evil = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var claims = TokenForge.Json(TokenForge.Claims());
        string[] forgeries =
        [
            TokenForge.Sign(evil, TokenForge.Header(kid), claims),
            TokenForge.Sign(key, TokenForge.Header(kid).Replace("ES256", "none", StringComparison.Ordinal), claims),
            TokenForge.Sign(key, TokenForge.Header(kid).Replace("}", ",\"crit\":[\"b64\"]}", StringComparison.Ordinal), claims),
            TokenForge.Sign(key, TokenForge.Header("unknown"), claims),
        ];
        foreach (var forgery in forgeries)
        {
            var answer = await caraway.Anonymously(HttpMethod.Get, "/api/v1/users/7", null, ("Authorization", "Bearer " + forgery));
            answer.IsProblem(401, "invalid_token");
            Assert.DoesNotContain("IDX", answer.Body, StringComparison.Ordinal);
            Assert.DoesNotContain(kid, answer.Body, StringComparison.Ordinal);
        }
    }
}
