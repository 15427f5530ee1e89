using System.Buffers.Text;
using System.Security.Cryptography;
using Caraway.Identity;
using Caraway.Platform;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Identity;

/// <summary>Whoever has a copy of the database, and not the master key, passes for nobody.</summary>
public sealed class StolenDatabaseTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task Nothing_in_the_tables_is_a_credential()
    {
        var person = await caraway.Person("admin");
        await caraway.Refresh(person.Refresh);
        await using var database = new Database(caraway.Database.Source);
        var key = await ManageApiKeys.Create("stolen", ["advocacy:*"], null, database, TimeProvider.System.GetUtcNow().UtcDateTime, default);
        Assert.Equal(200, (await WithKey(key)).Status);

        // Every value of every column of the schema, as it is, as hex, and as base64url.
        var loot = await database.List<string>(
            """
            select distinct value from (
                select j.value from identity.users t, jsonb_each_text(to_jsonb(t)) j union all select j.value from identity.sessions t, jsonb_each_text(to_jsonb(t)) j
                union all select j.value from identity.refresh_tokens t, jsonb_each_text(to_jsonb(t)) j union all select j.value from identity.api_keys t, jsonb_each_text(to_jsonb(t)) j
                union all select j.value from identity.signing_keys t, jsonb_each_text(to_jsonb(t)) j union all select j.value from platform.events t, jsonb_each_text(to_jsonb(t)) j
            ) all_values where value is not null and length(value) between 8 and 2000
            """,
            null, default);
        Assert.True(loot.Count > 20);
        var tries = loot.Concat(loot.Where(value => value.StartsWith("\\x", StringComparison.Ordinal)).SelectMany(value => new[] { value[2..], Base64Url.EncodeToString(Convert.FromHexString(value[2..])) })).ToList();
        foreach (var value in tries.Where(value => value.All(c => c is >= ' ' and <= '~')))
        {
            Assert.Equal(401, (await caraway.Refresh(value)).Status);
            Assert.Equal(401, (await WithKey(value)).Status);
            Assert.Equal(401, (await WithKey(ApiKeys.Mark + value)).Status);
            Assert.Equal(401, (await caraway.Anonymously(HttpMethod.Get, "/cases", null, ("Authorization", "Bearer " + value))).Status);
        }

        await caraway.Database.Execute("delete from identity.sign_in_attempts");
        (await caraway.SignIn(person.Email, (await caraway.Database.Scalar<string>($"select password_hash from identity.users where id = {person.UserId}"))!)).IsProblem(401, "sign_in_failed");
    }

    [Fact]
    public async Task A_signing_key_opens_under_its_master_key_and_its_kid_alone()
    {
        await caraway.Person();
        var kid = (await caraway.Database.Scalar<string>("select kid from identity.signing_keys"))!;
        var stolen = (await caraway.Database.Scalar<byte[]>("select sealed_key from identity.signing_keys"))!;
        var right = MasterKey.Read(CarawayFixture.Master, new Home(Path.GetTempPath()));
        var wrong = MasterKey.Read(CarawayFixture.Master + "!", new Home(Path.GetTempPath()));

        SigningKey.Open(kid, stolen, DateTime.UnixEpoch, DateTime.MaxValue, right).Dispose();
        Assert.ThrowsAny<CryptographicException>(() => SigningKey.Open(kid, stolen, DateTime.UnixEpoch, DateTime.MaxValue, wrong));
        Assert.ThrowsAny<CryptographicException>(() => SigningKey.Open(kid + "x", stolen, DateTime.UnixEpoch, DateTime.MaxValue, right));
        Assert.ThrowsAny<CryptographicException>(() => SigningKey.Open(kid, stolen[..20], DateTime.UnixEpoch, DateTime.MaxValue, right));
        stolen[^1] ^= 1;
        Assert.ThrowsAny<CryptographicException>(() => SigningKey.Open(kid, stolen, DateTime.UnixEpoch, DateTime.MaxValue, right));
        using var ecdsa = ECDsa.Create();
        Assert.ThrowsAny<CryptographicException>(() => ecdsa.ImportPkcs8PrivateKey(stolen.AsSpan(28), out _));
    }

    [Fact]
    public async Task A_successor_cannot_be_made_without_the_master_key()
    {
        var person = await caraway.Person();
        var wrong = new RefreshToken(MasterKey.Read(CarawayFixture.Master + "!", new Home(Path.GetTempPath())));
        var successor = (await caraway.Refresh(person.Refresh)).Json.GetProperty("refresh_token").GetString()!;

        Assert.NotEqual(successor, wrong.Successor(person.Refresh));
        (await caraway.Refresh(wrong.Successor(person.Refresh))).IsProblem(401, "invalid_refresh_token");
        Assert.Equal(200, (await caraway.Refresh(successor)).Status);
    }

    private Task<Answer> WithKey(string key) => caraway.Anonymously(HttpMethod.Get, "/cases", null, ("X-API-Key", key));
}
