using Caraway.Platform.Hosting;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Caraway.Identity;
using Caraway.Identity.Tokens;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Identity.Tokens;

/// <summary>Access tokens against RFC 7515 and 7519, and against every classic forgery.</summary>
public sealed class AccessTokenTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private AccessTokens Tokens => caraway.Services.GetRequiredService<AccessTokens>();

    [Fact]
    public async Task A_token_says_who_and_until_when_and_nothing_else()
    {
        var person = await caraway.Person("caseworker");
        var parts = person.Access.Split('.');
        using var header = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[0]));
        using var payload = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[1]));

        Assert.Equal(["alg", "kid", "typ"], header.RootElement.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.Equal("ES256", header.RootElement.GetProperty("alg").GetString());
        Assert.Equal("JWT", header.RootElement.GetProperty("typ").GetString());
        string[] claims = ["aud", "exp", "iat", "iss", "jti", "role", "sid", "sub"];
        Assert.Equal(claims, payload.RootElement.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.Equal(("caraway", "caraway", "caseworker"), (Text(payload, "iss"), Text(payload, "aud"), Text(payload, "role")));
        Assert.True(Guid.TryParseExact(Text(payload, "sid"), "N", out _));
        Assert.Matches("^[0-9a-f]{32}$", Text(payload, "jti"));
        Assert.Equal(person.UserId.ToString(System.Globalization.CultureInfo.InvariantCulture), payload.RootElement.GetProperty("sub").GetString());
        Assert.Equal(1800, payload.RootElement.GetProperty("exp").GetInt64() - payload.RootElement.GetProperty("iat").GetInt64());
        Assert.Equal(64, Base64Url.DecodeFromChars(parts[2]).Length);

        static string Text(JsonDocument json, string name) => json.RootElement.GetProperty(name).GetString()!;
    }

    /// <summary>RFC 7515, appendix A.3: its key, its payload, its signature.</summary>
    [Fact]
    public void The_signature_of_RFC_7515_is_good_and_with_one_bit_changed_is_not()
    {
        using var key = TokenForge.Open("rfc", Pkcs8(
            "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"));
        var signed = Encoding.ASCII.GetBytes(
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MT"
            + "kzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ");
        var signature = Base64Url.DecodeFromChars("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
        var provider = key.PublicKey.CryptoProviderFactory.CreateForVerifying(key.PublicKey, "ES256");

        Assert.True(provider.Verify(signed, signature));
        signature[63] ^= 1;
        Assert.False(provider.Verify(signed, signature));
    }

    /// <summary>RFC 7519, section 6.1 (no signature at all) and section 3.1 (HS256).</summary>
    [Theory]
    [InlineData("eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.")]
    [InlineData("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")]
    public async Task The_examples_of_RFC_7519_are_refused(string token) => Assert.Null(await Tokens.Verify(token, default));

    [Fact]
    public async Task A_token_that_our_key_signed_is_taken_with_exactly_the_right_claims()
    {
        Assert.NotNull(await Signed());
        Assert.NotNull(await Signed(claims => claims["nbf"] = TokenForge.Now));
        Assert.NotNull(await Signed(claims => claims["iat"] = TokenForge.Now + 50));
    }

    public static TheoryData<string, string, object?> WrongClaims => new()
    {
        { "expired", "exp", -1L }, { "expires now", "exp", 0L }, { "no expiry", "exp", null }, { "expiry as text", "exp", "x" }, { "absurd expiry", "exp", long.MaxValue },
        { "not yet valid", "nbf", 3600L }, { "nbf as text", "nbf", "x" }, { "issued in the future", "iat", 3600L }, { "never issued", "iat", null },
        { "another issuer", "iss", "evil" }, { "no issuer", "iss", null }, { "another audience", "aud", "evil" }, { "no audience", "aud", null },
        { "no user", "sub", null }, { "a user of words", "sub", "admin" }, { "a negative user", "sub", "-1" }, { "no sign-in", "sid", null }, { "a strange sign-in", "sid", "x" }, { "no role", "role", null },
    };

    [Theory]
    [MemberData(nameof(WrongClaims))]
    public async Task A_well_signed_token_with_a_wrong_claim_is_refused(string name, string claim, object? value)
    {
        Assert.NotEmpty(name);
        Assert.Null(await Signed(claims =>
        {
            if (value is null)
                claims.Remove(claim);
            else
                claims[claim] = value is long seconds && seconds < 1_000_000 ? TokenForge.Now + seconds : value;
        }));
    }

    [Theory]
    [InlineData("""{"alg":"none","typ":"JWT","kid":"KID"}""")]
    [InlineData("""{"alg":"None","typ":"JWT","kid":"KID"}""")]
    [InlineData("""{"alg":"HS256","typ":"JWT","kid":"KID"}""")]
    [InlineData("""{"alg":"RS256","typ":"JWT","kid":"KID"}""")]
    [InlineData("""{"alg":"ES384","typ":"JWT","kid":"KID"}""")]
    [InlineData("""{"alg":"es256","typ":"JWT","kid":"KID"}""")]
    [InlineData("""{"alg":["ES256"],"typ":"JWT","kid":"KID"}""")]
    [InlineData("""{"typ":"JWT","kid":"KID"}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT"}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","kid":"another"}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","kid":"../../../../dev/null"}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","kid":"x' or '1'='1"}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","kid":7}""")]
    [InlineData("""{"alg":"ES256","typ":"at+jwt","kid":"KID"}""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","kid":"KID","crit":["b64"],"b64":false}""")]
    [InlineData("""["ES256"]""")]
    [InlineData("""{"alg":"ES256","typ":"JWT","kid":"\ud800"}""")]
    [InlineData("""{"alg":"\udc00","typ":"JWT","kid":"KID"}""")]
    [InlineData("nonsense")]
    public async Task A_good_signature_under_another_header_is_refused(string header)
    {
        var (kid, key) = await TokenForge.CurrentKey(caraway);
        var claims = TokenForge.Json(TokenForge.Claims());

        Assert.NotNull(await Tokens.Verify(TokenForge.Sign(key, TokenForge.Header(kid), claims), default));
        Assert.Null(await Tokens.Verify(TokenForge.Sign(key, header.Replace("KID", kid, StringComparison.Ordinal), claims), default));
    }

    [Fact]
    public async Task The_public_key_is_no_secret_to_sign_with()
    {
        var (kid, key) = await TokenForge.CurrentKey(caraway);
        var set = (await caraway.Anonymously(HttpMethod.Get, "/.well-known/jwks.json", null)).Body;
        using var document = JsonDocument.Parse(set);
        var jwk = document.RootElement.GetProperty("keys")[0].GetRawText();
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        byte[][] secrets =
        [
            Encoding.UTF8.GetBytes(set), Encoding.UTF8.GetBytes(jwk), point.X!, [.. point.X!, .. point.Y!], [4, .. point.X!, .. point.Y!],
            Encoding.UTF8.GetBytes(Base64Url.EncodeToString(point.X)), key.ExportSubjectPublicKeyInfo(),
            Encoding.UTF8.GetBytes(key.ExportSubjectPublicKeyInfoPem()), Encoding.UTF8.GetBytes(kid), [],
        ];
        foreach (var secret in secrets)
        {
            foreach (var algorithm in new[] { "HS256", "ES256", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256" })
            {
                var header = $$"""{"alg":"{{algorithm}}","typ":"JWT","kid":"{{kid}}"}""";
                var signed = TokenForge.Unsigned(header, TokenForge.Json(TokenForge.Claims()));
                var signature = HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(signed));
                Assert.Null(await Tokens.Verify(signed + "." + Base64Url.EncodeToString(signature), default));
                // As long as the signature of ES256.
                Assert.Null(await Tokens.Verify(signed + "." + Base64Url.EncodeToString([.. signature, .. signature]), default));
            }
        }
    }

    [Fact]
    public async Task A_token_that_another_key_signed_under_our_kid_is_refused()
    {
        var (kid, _) = await TokenForge.CurrentKey(caraway);
        using var evil = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        Assert.Null(await Tokens.Verify(TokenForge.Sign(evil, TokenForge.Header(kid), TokenForge.Json(TokenForge.Claims())), default));
    }

    [Fact]
    public async Task A_changed_cut_padded_or_swollen_token_is_refused()
    {
        var person = await caraway.Person();
        var parts = person.Access.Split('.');
        var claims = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(parts[1]));
        var admin = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims.Replace("patient", "admin", StringComparison.Ordinal)));
        string[] forgeries =
        [
            $"{parts[0]}.{admin}.{parts[2]}", $"{parts[0]}.{parts[1]}.", $"{parts[0]}.{parts[1]}", parts[0], "", ".", "..", "...", $"{person.Access}.{parts[2]}", person.Access[..^1], person.Access + "A", person.Access + "=",
            $"{parts[0]}=.{parts[1]}.{parts[2]}", $"{parts[0]}.{parts[1]}.{new string('A', 86)}", $"{parts[0]}.{parts[1]}.{parts[2]}\n", new string('A', 100_000), $"{new string('A', 50_000)}.{new string('A', 50_000)}.x",
            person.Access.Replace('.', ','), person.Access + "é", $"{parts[0]}.{parts[1]}.{Base64Url.EncodeToString(new byte[64])}", $"{parts[0]}.{parts[1]}.{Base64Url.EncodeToString(Enumerable.Repeat((byte)255, 64).ToArray())}",
        ];

        Assert.NotNull(await Tokens.Verify(person.Access, default));
        foreach (var forgery in forgeries)
            Assert.Null(await Tokens.Verify(forgery, default));
        (await caraway.Anonymously(HttpMethod.Get, $"/api/v1/users/{person.UserId}", null, ("Authorization", "Bearer " + new string('A', 5_000)))).IsProblem(401, "invalid_token");
    }

    [Fact]
    public async Task The_last_base64_digit_has_one_form()
    {
        // 64 bytes are 86 digits whose last holds two bits that mean nothing: other digits would decode to the same signature.
        var person = await caraway.Person();
        const string Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        var last = Digits.IndexOf(person.Access[^1], StringComparison.Ordinal);

        Assert.Equal(0, last % 16);
        for (var other = 1; other < 16; other++)
            Assert.Null(await Tokens.Verify(person.Access[..^1] + Digits[last + other], default));
    }

    [Fact]
    public async Task Two_tokens_or_another_scheme_are_not_a_bearer()
    {
        var person = await caraway.Person();
        var path = $"/api/v1/users/{person.UserId}";

        Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Get, path, null, ("Authorization", "bearer " + person.Access))).Status);
        (await caraway.Anonymously(HttpMethod.Get, path, null, ("Authorization", "Bearer " + person.Access), ("Authorization", "Bearer " + person.Access))).IsProblem(401, "invalid_token");
        (await caraway.Anonymously(HttpMethod.Get, path, null, ("Authorization", "Basic " + person.Access))).IsProblem(401, "not_signed_in");
        var refused = (await caraway.Anonymously(HttpMethod.Get, path, null, ("Authorization", "Bearer"))).IsProblem(401, "invalid_token");
        Assert.StartsWith("Bearer realm=\"caraway\"", refused.Headers["WWW-Authenticate"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bad_token_does_not_keep_anybody_from_what_is_open()
    {
        var person = await caraway.Person();

        Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Get, "/health", null, ("Authorization", "Bearer nonsense"))).Status);
        Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Post, "/api/v1/login", $$"""{"username":"{{person.Email}}","password":"{{Accounts.Password}}"}""", ("Authorization", "Bearer nonsense"))).Status);
    }

    [Fact]
    public async Task A_remembered_token_makes_no_query()
    {
        var token = await caraway.Token("caseworker");
        Assert.Equal(404, (await caraway.Anonymously(HttpMethod.Get, "/cases/999999999", null, ("Authorization", "Bearer " + token))).Status);
        var first = await Tokens.Verify(token, default);

        Assert.Same(first, await Tokens.Verify(token, default));
    }

    private async Task<AccessToken?> Signed(Action<Dictionary<string, object>>? change = null)
    {
        var claims = TokenForge.Claims();
        change?.Invoke(claims);
        var (kid, key) = await TokenForge.CurrentKey(caraway);
        return await Tokens.Verify(TokenForge.Sign(key, TokenForge.Header(kid), TokenForge.Json(claims)), default);
    }

    private static byte[] Pkcs8(string x, string y, string d)
    {
        using var ecdsa = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            D = Base64Url.DecodeFromChars(d),
            Q = new ECPoint { X = Base64Url.DecodeFromChars(x), Y = Base64Url.DecodeFromChars(y) },
        });
        return ecdsa.ExportPkcs8PrivateKey();
    }
}
