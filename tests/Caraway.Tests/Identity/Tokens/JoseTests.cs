using System.Globalization;
using System.Text.Json;
using Caraway.Identity.Tokens;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Identity.Tokens;

/// <summary>
/// Another implementation of JOSE, npm's <c>jose</c>: it accepts our tokens and our key set, and we accept its tokens. Needs npm, and the
/// network the first time.
/// </summary>
[Trait("Category", "Long")]
public sealed class JoseTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Script = """
        import { readFileSync, writeFileSync } from 'node:fs';
        import { jwtVerify, createLocalJWKSet, generateKeyPair, exportPKCS8, SignJWT } from 'jose';
        const ours = JSON.parse(readFileSync('ours.json', 'utf8'));
        const set = createLocalJWKSet(ours.jwks);
        const { payload } = await jwtVerify(ours.token, set, { issuer: 'caraway', audience: 'caraway', algorithms: ['ES256'] });
        let refused = 0;
        for (const bad of [ours.token.slice(0, -4) + 'AAAA', ours.token.replace('.', '.e')]) {
          try { await jwtVerify(bad, set); } catch { refused++; }
        }
        const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
        const claims = { role: 'caseworker', sid: '0123456789abcdef0123456789abcdef' };
        const token = (alg, key, header) => new SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT', kid: 'jose', ...header })
          .setIssuer('caraway').setAudience('caraway').setSubject('42').setJti('x').setIssuedAt().setExpirationTime('10m').sign(key);
        writeFileSync('theirs.json', JSON.stringify({
          sub: payload.sub, role: payload.role, refused,
          pkcs8: (await exportPKCS8(privateKey)).replace(/-----[^-]+-----|\s/g, ''),
          good: await token('ES256', privateKey),
          hs256: await token('HS256', new TextEncoder().encode(JSON.stringify(ours.jwks))),
          otherKid: await token('ES256', privateKey, { kid: 'another' }),
        }));
        """;

    [Fact]
    public async Task Caraway_and_jose_accept_the_tokens_of_each_other()
    {
        using var npm = await NpmFolder.Install("jose@6.2.17");
        var person = await caraway.Person("caseworker");
        var keySet = (await caraway.Anonymously(HttpMethod.Get, "/.well-known/jwks.json", null)).Body;
        await npm.Write("ours.json", $$"""{"token":"{{person.Access}}","jwks":{{keySet}}}""");
        await npm.Run(Script);
        using var theirs = JsonDocument.Parse(await npm.Read("theirs.json"));
        string Text(string name) => theirs.RootElement.GetProperty(name).GetString()!;

        Assert.Equal(person.UserId.ToString(CultureInfo.InvariantCulture), Text("sub"));
        Assert.Equal("caseworker", Text("role"));
        Assert.Equal(2, theirs.RootElement.GetProperty("refused").GetInt32());
        await TokenForge.Publish(caraway, "jose", Convert.FromBase64String(Text("pkcs8")));
        var tokens = caraway.Services.GetRequiredService<AccessTokens>();
        Assert.Equal(42, (await tokens.Verify(Text("good"), default))!.UserId);
        Assert.Null(await tokens.Verify(Text("hs256"), default));
        Assert.Null(await tokens.Verify(Text("otherKid"), default));
    }
}
