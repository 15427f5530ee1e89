using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Caraway.Identity;
using Caraway.Identity.Tokens;
using Caraway.Platform.Hosting;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Identity.Tokens;

/// <summary>Another implementation of JOSE, npm's <c>jose</c>: it takes our tokens and key set, and we take its tokens. Needs npm, and the network the first time.</summary>
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
          good: await token('ES256', privateKey), hs256: await token('HS256', new TextEncoder().encode(JSON.stringify(ours.jwks))), otherKid: await token('ES256', privateKey, { kid: 'another' }),
        }));
        """;

    [Fact]
    public async Task Each_takes_the_others_tokens()
    {
        var folder = TemporaryFolder.Create();
        try
        {
            var person = await caraway.Person("caseworker");
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "package.json"), """{"type":"module","private":true}""");
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "jose.mjs"), Script);
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "ours.json"), $$"""{"token":"{{person.Access}}","jwks":{{(await caraway.Anonymously(HttpMethod.Get, "/.well-known/jwks.json", null)).Body}}}""");
            await Run(folder, "npm", "install", "--no-audit", "--no-fund", "--prefer-offline", "jose@6.2.17");
            await Run(folder, "node", "jose.mjs");
            using var theirs = System.Text.Json.JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(folder.FullName, "theirs.json")));
            string Text(string name) => theirs.RootElement.GetProperty(name).GetString()!;

            Assert.Equal((person.UserId.ToString(System.Globalization.CultureInfo.InvariantCulture), "caseworker", 2), (Text("sub"), Text("role"), theirs.RootElement.GetProperty("refused").GetInt32()));
            await TokenForge.Publish(caraway, "jose", Convert.FromBase64String(Text("pkcs8")));
            var tokens = caraway.Services.GetRequiredService<AccessTokens>();
            Assert.Equal(42, (await tokens.Verify(Text("good"), default))!.UserId);
            Assert.Null(await tokens.Verify(Text("hs256"), default));
            Assert.Null(await tokens.Verify(Text("otherKid"), default));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task Run(DirectoryInfo folder, string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = folder.FullName, UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}:\n{await output}\n{await error}");
    }
}
