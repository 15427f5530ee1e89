using Caraway.Platform.Events;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Caraway.Platform.Postgres;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Events;

/// <summary>The chain's hashes, compared with PostgreSQL's own computation and with bytes written by hand.</summary>
public sealed class ChainTests(PostgresServer postgres) : IAsyncLifetime
{
    private static readonly Envelope Plain = new(7, DateTime.UnixEpoch.AddTicks(10), "a", "b", "c", null, "", "d");

    private const string Rows = """
        select id, at, name, subject, actor, on_behalf_of, request_id, address, payload, salt, digest from platform.events
        """;

    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.Create();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public void A_hash_covers_exactly_these_bytes()
    {
        var digest = SHA256.HashData("x"u8);
        var bytes = new string('0', 64)
            + "0000000000000003" + "0000000000000007" + "0000000000000001"
            + "00000001" + "61" + "00000001" + "62" + "00000001" + "63" + "ffffffff" + "00000000" + "00000001" + "64"
            + Convert.ToHexStringLower(digest);

        Assert.Equal(SHA256.HashData(Convert.FromHexString(bytes)), Chain.Hash(Chain.Genesis, 3, Plain, digest));
    }

    [Fact]
    public void A_hash_depends_on_every_part_and_tells_null_from_empty()
    {
        var digest = SHA256.HashData("x"u8);
        byte[][] hashes =
        [
            Chain.Hash(Chain.Genesis, 3, Plain, digest),
            Chain.Hash(digest, 3, Plain, digest),
            Chain.Hash(Chain.Genesis, 4, Plain, digest),
            Chain.Hash(Chain.Genesis, 3, Plain with { Id = 8 }, digest),
            Chain.Hash(Chain.Genesis, 3, Plain with { At = Plain.At.AddTicks(10) }, digest),
            Chain.Hash(Chain.Genesis, 3, Plain with { Name = "ab", Subject = "" }, digest),
            Chain.Hash(Chain.Genesis, 3, Plain with { Name = "", Subject = "ab" }, digest),
            Chain.Hash(Chain.Genesis, 3, Plain with { Subject = "bc", Actor = "" }, digest),
            Chain.Hash(Chain.Genesis, 3, Plain with { OnBehalfOf = "" }, digest),
            Chain.Hash(Chain.Genesis, 3, Plain with { OnBehalfOf = "", RequestId = null }, digest),
            Chain.Hash(Chain.Genesis, 3, Plain with { RequestId = null }, digest),
            Chain.Hash(Chain.Genesis, 3, Plain with { Address = null }, digest),
            Chain.Hash(Chain.Genesis, 3, Plain with { Address = "" }, digest),
            Chain.Hash(Chain.Genesis, 3, Plain with { RequestId = "d", Address = "" }, digest),
            Chain.Hash(Chain.Genesis, 3, Plain, SHA256.HashData("y"u8)),
        ];

        Assert.Equal(hashes.Length, hashes.Select(Convert.ToHexString).Distinct().Count());
    }

    [Fact]
    public async Task PostgreSQL_computes_the_same_hash_from_the_row()
    {
        await database.Execute(TestEventLog.TextFunction);
        await database.Execute(
            """
            insert into platform.events (id, at, name, subject, actor, on_behalf_of, request_id, address, payload) values
                (1, '2026-06-01 12:34:56.123456Z', 'case.opened', 'advocacy.case:1', 'user:5', null, null, null, '{}'),
                (2, '1969-12-31 23:59:59.999999Z', '', '', '', '', '', '', ''),
                (3, '2262-04-11 23:47:16.854775Z', 'Zoë 𝄞', E'a\nb', repeat('長', 70000), 'user:6', 'r', '2001:db8::1', '"ß"'),
                (9223372036854775807, '0001-01-01 00:00:00Z', 'x', 'y', 'z', null, '', null, 'null')
            """);
        await using var own = new Database(database.Source);
        var rows = await own.List<Row>(Rows + " order by id", null, default);
        Assert.Equal(4, rows.Count);

        var (hash, position) = (Chain.Genesis, 0L);
        foreach (var row in rows)
        {
            var computed = Chain.Hash(hash, position += 4_000_000_000, row.Envelope, row.Digest);
            var expected = await database.Scalar<byte[]>(
                $"""
                select {TestEventLog.HashSql}
                from platform.events e, (values (decode('{Convert.ToHexString(hash)}', 'hex'), {position})) v (previous, place)
                where e.id = {row.Id}
                """);
            Assert.Equal(expected, computed);
            hash = computed;
        }
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("")]
    [InlineData("{\"text\":\"Zoë 𝄞 \\u0000\"}")]
    public async Task The_trigger_computes_the_digest_of_the_chain(string payload)
    {
        await using var own = new Database(database.Source);
        const string insert = """
            insert into platform.events (at, name, subject, actor, payload, salt, digest)
            values (now(), 'a', 'b', 'c', @payload, 'mine', 'mine')
            """;
        await own.Execute(insert, new { payload }, default);

        var row = (await own.First<Row>(Rows, null, default))!;

        Assert.Equal(16, row.Salt.Length);
        Assert.Equal(Chain.Digest(row.Salt, payload), row.Digest);
        Assert.Equal(SHA256.HashData([.. row.Salt, .. Encoding.UTF8.GetBytes(payload)]), row.Digest);
    }

    [Fact]
    public async Task Two_equal_payloads_have_different_digests()
    {
        await TestEventLog.Add(database, 1);
        await TestEventLog.Add(database, 1);
        Assert.Equal(2, await database.Scalar<long>("select count(distinct digest) from platform.events"));
    }

    [Theory]
    [InlineData("1970-01-01T00:00:00.000001Z", 1)]
    [InlineData("1969-12-31T23:59:59.999999Z", -1)]
    [InlineData("2026-06-01T12:34:56.123456Z", 1780317296123456)]
    public void Times_are_microseconds_since_1970(string time, long expected) =>
        Assert.Equal(expected, Chain.Microseconds(DateTime.Parse(time, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal)));

    private sealed record Row(
        long Id, DateTime At, string Name, string Subject, string Actor, string? OnBehalfOf, string? RequestId, string? Address,
        string Payload, byte[] Salt, byte[] Digest)
    {
        public Envelope Envelope => new(Id, At, Name, Subject, Actor, OnBehalfOf, RequestId, Address);
    }
}
