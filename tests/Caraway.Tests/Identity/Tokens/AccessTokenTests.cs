using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Caraway.Identity.Tokens;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Identity.Tokens;

/// <summary>Compares access tokens with RFC 7515 and RFC 7519, and tries the well-known forgeries.</summary>
public sealed class AccessTokenTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private AccessTokens Tokens => caraway.Services.GetRequiredService<AccessTokens>();

    [Fact]
    public async Task A_token_has_the_claims_of_the_contract_and_no_others()
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
        Assert.Equal(person.UserId.ToString(CultureInfo.InvariantCulture), Text(payload, "sub"));
        Assert.Equal(1800, payload.RootElement.GetProperty("exp").GetInt64() - payload.RootElement.GetProperty("iat").GetInt64());
        Assert.Equal(64, Base64Url.DecodeFromChars(parts[2]).Length);

        static string Text(JsonDocument json, string name) => json.RootElement.GetProperty(name).GetString()!;
    }

    /// <summary>Key, payload and signature are those of RFC 7515, appendix A.3.</summary>
    [Fact]
    public void The_example_signature_of_RFC_7515_verifies_until_one_bit_is_changed()
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

    /// <summary>The examples of RFC 7519: section 6.1 (without a signature) and section 3.1 (HS256).</summary>
    [Theory]
    [InlineData("eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.")]
    [InlineData("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")]
    public async Task The_examples_of_RFC_7519_are_refused(string token) => Assert.Null(await Tokens.Verify(token, default));

    [Fact]
    public async Task A_token_of_our_key_with_the_right_claims_is_accepted()
    {
        Assert.NotNull(await Signed());
        Assert.NotNull(await Signed(claims => claims["nbf"] = TokenForge.Now));
        Assert.NotNull(await Signed(claims => claims["iat"] = TokenForge.Now + 50));
    }

    public static TheoryData<string, string, object?> WrongClaims => new()
    {
        { "expired", "exp", -1L },
        { "expires now", "exp", 0L },
        { "without expiry", "exp", null },
        { "expiry as text", "exp", "x" },
        { "impossible expiry", "exp", long.MaxValue },
        { "not yet valid", "nbf", 3600L },
        { "nbf as text", "nbf", "x" },
        { "issued in the future", "iat", 3600L },
        { "without time of issue", "iat", null },
        { "another issuer", "iss", "evil" },
        { "without issuer", "iss", null },
        { "another audience", "aud", "evil" },
        { "without audience", "aud", null },
        { "without user", "sub", null },
        { "user as a word", "sub", "admin" },
        { "negative user", "sub", "-1" },
        { "without sign-in", "sid", null },
        { "invalid sign-in", "sid", "x" },
        { "without role", "role", null },
    };

    [Theory]
    [MemberData(nameof(WrongClaims))]
    public async Task A_correctly_signed_token_with_a_wrong_claim_is_refused(string name, string claim, object? value)
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
    public async Task A_valid_signature_over_another_header_is_refused(string header)
    {
        var (kid, key) = await TokenForge.CurrentKey(caraway);
        var claims = TokenForge.Json(TokenForge.Claims());

        Assert.NotNull(await Tokens.Verify(TokenForge.Sign(key, TokenForge.Header(kid), claims), default));
        Assert.Null(await Tokens.Verify(TokenForge.Sign(key, header.Replace("KID", kid, StringComparison.Ordinal), claims), default));
    }

    [Fact]
    public async Task A_signature_made_with_the_public_key_as_a_secret_is_refused()
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
                // This one has the length of an ES256 signature.
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
    public async Task A_changed_or_cut_or_padded_or_oversized_token_is_refused()
    {
        var person = await caraway.Person();
        var parts = person.Access.Split('.');
        var claims = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(parts[1]));
        var admin = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims.Replace("patient", "admin", StringComparison.Ordinal)));
        string[] forgeries =
        [
            $"{parts[0]}.{admin}.{parts[2]}", $"{parts[0]}.{parts[1]}.", $"{parts[0]}.{parts[1]}", parts[0], "", ".", "..", "...",
            $"{person.Access}.{parts[2]}", person.Access[..^1], person.Access + "A", person.Access + "=", person.Access + "é",
            $"{parts[0]}=.{parts[1]}.{parts[2]}", $"{parts[0]}.{parts[1]}.{new string('A', 86)}", $"{parts[0]}.{parts[1]}.{parts[2]}\n",
            new string('A', 100_000), $"{new string('A', 50_000)}.{new string('A', 50_000)}.x", person.Access.Replace('.', ','),
            $"{parts[0]}.{parts[1]}.{Base64Url.EncodeToString(new byte[64])}",
            $"{parts[0]}.{parts[1]}.{Base64Url.EncodeToString(Enumerable.Repeat((byte)255, 64).ToArray())}",
        ];

        Assert.NotNull(await Tokens.Verify(person.Access, default));
        foreach (var forgery in forgeries)
            Assert.Null(await Tokens.Verify(forgery, default));
        (await Read(person, "Bearer " + new string('A', 5_000))).IsProblem(401, "invalid_token");
    }

    [Fact]
    public async Task The_last_base64_digit_has_one_accepted_form()
    {
        // The last of the 86 digits has four unused bits, so 15 other digits would decode to the same signature.
        var person = await caraway.Person();
        const string Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        var last = Digits.IndexOf(person.Access[^1], StringComparison.Ordinal);

        Assert.Equal(0, last % 16);
        for (var other = 1; other < 16; other++)
            Assert.Null(await Tokens.Verify(person.Access[..^1] + Digits[last + other], default));
    }

    [Fact]
    public async Task Two_tokens_or_another_scheme_are_refused()
    {
        var person = await caraway.Person();

        Assert.Equal(200, (await Read(person, "bearer " + person.Access)).Status);
        (await Read(person, "Bearer " + person.Access, "Bearer " + person.Access)).IsProblem(401, "invalid_token");
        (await Read(person, "Basic " + person.Access)).IsProblem(401, "not_signed_in");
        var refused = (await Read(person, "Bearer")).IsProblem(401, "invalid_token");
        Assert.StartsWith("Bearer realm=\"caraway\"", refused.Headers["WWW-Authenticate"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_routes_ignore_an_invalid_token()
    {
        var person = await caraway.Person();
        var login = $$"""{"username":"{{person.Email}}","password":"{{Accounts.Password}}"}""";
        var invalid = ("Authorization", "Bearer nonsense");

        Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Get, "/health", null, invalid)).Status);
        Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Post, "/api/v1/login", login, invalid)).Status);
    }

    [Fact]
    public async Task A_cached_token_is_not_verified_again()
    {
        var token = await caraway.Token("caseworker");
        var answer = await caraway.Anonymously(HttpMethod.Get, "/cases/999999999", null, ("Authorization", "Bearer " + token));
        Assert.Equal(404, answer.Status);
        var first = await Tokens.Verify(token, default);

        Assert.Same(first, await Tokens.Verify(token, default));
    }

    private Task<Answer> Read(Accounts.SignedIn person, params string[] authorizations) =>
        caraway.Anonymously(
            HttpMethod.Get, $"/api/v1/users/{person.UserId}", null, [.. authorizations.Select(value => ("Authorization", value))]);

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
