using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Caraway.Identity.Keys;
using Caraway.Identity.SignIns;
using Caraway.Identity.Tokens;
using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform.Events;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Caraway.Tests.Identity;

/// <summary>A copy of the database without the master key is not enough to act as a caller or to sign a checkpoint.</summary>
public sealed class StolenDatabaseTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task Values_in_the_tables_are_not_credentials()
    {
        var person = await caraway.Person("admin");
        await caraway.Refresh(person.Refresh);
        await using var database = new Database(caraway.Database.Source);
        var (_, key) = await caraway.Key("advocacy:*");
        Assert.Equal(200, (await WithKey(key)).Status);

        // Every value of every column, as it is, as hexadecimal text, and as base64url.
        var loot = await database.List<string>(
            """
            select distinct value from (
                select j.value from identity.users t, jsonb_each_text(to_jsonb(t)) j
                union all select j.value from identity.sessions t, jsonb_each_text(to_jsonb(t)) j
                union all select j.value from identity.refresh_tokens t, jsonb_each_text(to_jsonb(t)) j
                union all select j.value from identity.api_keys t, jsonb_each_text(to_jsonb(t)) j
                union all select j.value from identity.signing_keys t, jsonb_each_text(to_jsonb(t)) j
                union all select j.value from platform.events t, jsonb_each_text(to_jsonb(t)) j
            ) all_values where value is not null and length(value) between 8 and 2000
            """,
            null, default);
        Assert.True(loot.Count > 20);
        var binary = loot.Where(value => value.StartsWith("\\x", StringComparison.Ordinal)).Select(value => value[2..]).ToList();
        var tries = loot.Concat(binary).Concat(binary.Select(hex => Base64Url.EncodeToString(Convert.FromHexString(hex))));
        foreach (var value in tries.Where(value => value.All(c => c is >= ' ' and <= '~')))
        {
            Assert.Equal(401, (await caraway.Refresh(value)).Status);
            Assert.Equal(401, (await WithKey(value)).Status);
            Assert.Equal(401, (await WithKey(ApiKeys.Mark + value)).Status);
            var asToken = await caraway.Anonymously(HttpMethod.Get, "/cases", null, ("Authorization", "Bearer " + value));
            Assert.Equal(401, asToken.Status);
        }

        await caraway.As(person, HttpMethod.Post, $"/api/v1/users/{person.UserId}/password-reset");
        var reset = (await caraway.Database.Scalar<byte[]>("select token_hash from identity.password_resets"))!;
        foreach (var token in new[] { Base64Url.EncodeToString(reset), Convert.ToHexStringLower(reset) })
        {
            var redeemed = await caraway.Anonymously(
                HttpMethod.Post, "/api/v1/password-resets/" + token, """{"password":"the thief's password"}""");
            redeemed.IsProblem(404, "password_reset_not_found");
        }

        await caraway.Database.Execute("delete from identity.sign_in_attempts");
        var hash = await caraway.Database.Scalar<string>($"select password_hash from identity.users where id = {person.UserId}");
        (await caraway.SignIn(person.Email, hash!)).IsProblem(401, "sign_in_failed");
    }

    [Fact]
    public async Task A_signing_key_opens_only_with_its_master_key_and_its_kid()
    {
        await caraway.Person();
        var kid = (await caraway.Database.Scalar<string>("select kid from identity.signing_keys"))!;
        var stolen = (await caraway.Database.Scalar<byte[]>("select sealed_key from identity.signing_keys"))!;
        var right = MasterKey.Read(CarawayFixture.Master, new PrivateFolder(Path.GetTempPath()));
        var wrong = MasterKey.Read(CarawayFixture.Master + "!", new PrivateFolder(Path.GetTempPath()));
        SigningKey Open(string kid, byte[] sealedKey, MasterKey master) =>
            SigningKey.Open(kid, sealedKey, DateTime.UnixEpoch, DateTime.MaxValue, master);

        Open(kid, stolen, right).Dispose();
        Assert.ThrowsAny<CryptographicException>(() => Open(kid, stolen, wrong));
        Assert.ThrowsAny<CryptographicException>(() => Open(kid + "x", stolen, right));
        Assert.ThrowsAny<CryptographicException>(() => Open(kid, stolen[..20], right));
        stolen[^1] ^= 1;
        Assert.ThrowsAny<CryptographicException>(() => Open(kid, stolen, right));
        using var ecdsa = ECDsa.Create();
        Assert.ThrowsAny<CryptographicException>(() => ecdsa.ImportPkcs8PrivateKey(stolen.AsSpan(28), out _));
    }

    [Fact]
    public async Task A_successor_cannot_be_made_without_the_master_key()
    {
        var person = await caraway.Person();
        var wrong = new RefreshToken(MasterKey.Read(CarawayFixture.Master + "!", new PrivateFolder(Path.GetTempPath())));
        var successor = (await caraway.Refresh(person.Refresh)).Json.GetProperty("refresh_token").GetString()!;

        Assert.NotEqual(successor, wrong.Successor(person.Refresh));
        (await caraway.Refresh(wrong.Successor(person.Refresh))).IsProblem(401, "invalid_refresh_token");
        Assert.Equal(200, (await caraway.Refresh(successor)).Status);
    }

    /// <summary>Tries every value of every table as the key, and as the secret from which the key is derived.</summary>
    [Fact]
    public async Task Values_in_the_tables_do_not_sign_a_checkpoint()
    {
        await caraway.Refresh((await caraway.Person("admin")).Refresh);
        var options = Options.Create(new EventOptions());
        using (var sequencer = new Sequencer(caraway.Database.Source, options, TimeProvider.System, NullLogger<Sequencer>.Instance))
            await Platform.Events.TestEventLog.SequenceBy(sequencer, caraway.Database);
        var master = MasterKey.Read(CarawayFixture.Master, new PrivateFolder(Path.GetTempPath()));
        await using var database = new Database(caraway.Database.Source);
        var real = (await Checkpoint.Take(database, master, DateTime.UtcNow, default))!;
        // The form of the forgery is right: with the real key it gives the real signature.
        Assert.Equal(real.Signature, Sign(master.Derive(Purpose), real));

        var tables = await database.List<string>(
            "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
            null, default);
        Assert.Contains("platform.sequencer", tables);
        var loot = new HashSet<string>(StringComparer.Ordinal);
        foreach (var table in tables)
        {
            loot.UnionWith(await database.List<string>(
                $"select distinct j.value from {table} t, jsonb_each_text(to_jsonb(t)) j where j.value is not null", null, default));
        }

        Assert.True(loot.Count > 50);
        var later = real with { Position = real.Position + 1 };
        foreach (var key in loot.SelectMany(Keys))
        {
            var forged = JsonSerializer.Serialize(later with { Signature = Sign(key, later) }, AuditJson.Default.Checkpoint);
            Assert.Equal(ExitCode.Tampered, Assert.Throws<CommandException>(() => Checkpoint.Read(forged, master)).ExitCode);
        }
    }

    private const string Purpose = "checkpoints of the event chain";

    private static string Sign(byte[] key, Checkpoint checkpoint)
    {
        var text = FormattableString.Invariant($"caraway checkpoint 1\n{checkpoint.Position}\n{checkpoint.Hash}\n{checkpoint.At}");
        return Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>
    /// Keys that a thief can make of a value: its text, its bytes if it is hexadecimal or base64url, parts of 32 bytes, digests, and keys
    /// derived as the program derives them.
    /// </summary>
    private static IEnumerable<byte[]> Keys(string value)
    {
        var raw = new List<byte[]> { Encoding.UTF8.GetBytes(value) };
        var hex = value.StartsWith("\\x", StringComparison.Ordinal) ? value[2..] : value;
        raw.Add(Encoding.UTF8.GetBytes(hex));
        if (hex.Length % 2 == 0 && hex.All(char.IsAsciiHexDigit))
        {
            var bytes = Convert.FromHexString(hex);
            raw.Add(bytes);
            raw.Add(Encoding.UTF8.GetBytes(Convert.ToBase64String(bytes)));
            raw.Add(Encoding.UTF8.GetBytes(Base64Url.EncodeToString(bytes)));
            if (bytes.Length > 32)
                raw.AddRange([bytes[..32], bytes[^32..], bytes.Length > 60 ? bytes[12..44] : bytes[..16]]);
        }

        if (Base64Url.IsValid(value))
            raw.Add(Base64Url.DecodeFromChars(value));
        foreach (var bytes in raw)
        {
            yield return bytes;
            yield return SHA256.HashData(bytes);
            if (bytes.Length == 0)
                continue;
            yield return HKDF.DeriveKey(HashAlgorithmName.SHA256, bytes, 32, info: Encoding.UTF8.GetBytes(Purpose));
            yield return HKDF.DeriveKey(HashAlgorithmName.SHA256, SHA256.HashData(bytes), 32, info: Encoding.UTF8.GetBytes(Purpose));
        }
    }

    private Task<Answer> WithKey(string key) => caraway.Anonymously(HttpMethod.Get, "/cases", null, ("X-API-Key", key));
}
