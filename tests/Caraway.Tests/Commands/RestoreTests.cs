using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform;
using Caraway.Tests.Platform.Events;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Tests.Commands;

/// <summary>A database dumped by <c>pg_dump</c> and restored into another cluster, whose transactions have other numbers.</summary>
public sealed class RestoreTests(PostgresServer postgres) : IDisposable
{
    private readonly DirectoryInfo folder = TemporaryFolder.Create();

    [Fact]
    public async Task A_restored_chain_continues_in_another_cluster()
    {
        await using var database = await postgres.Create();
        await TestEventLog.Fill(database);
        var key = MasterKey.Read(CarawayFixture.Master, new PrivateFolder(folder.FullName));
        await using var own = new Database(database.Source);
        var checkpoint = (await Checkpoint.Take(own, key, DateTime.UtcNow, default))!;
        // Ten events wait. Two more ids, drawn by a transaction that was rolled back, are never used.
        await TestEventLog.Add(database, 5);
        await database.Execute("select nextval('platform.event_ids'), nextval('platform.event_ids')");
        await TestEventLog.Add(database, 5);
        // The transaction numbers of an old, busy cluster are far above those of the new one.
        await database.Execute("update platform.events set xid = '4000000000' where id not in (select event_id from platform.chain)");

        await using var cluster = await EmbeddedPostgres.Start(
            new PrivateFolder(folder.FullName), Environment.GetEnvironmentVariable("CARAWAY_POSTGRES_BIN"), durable: false,
            CancellationToken.None);
        await Move(database.Address, cluster.Address.ConnectionString);
        await using var restored = NpgsqlDataSource.Create(cluster.Address);
        await using var there = new Database(restored);
        const string clusterId = "select system_identifier from pg_control_system()";
        Assert.NotEqual(await database.Scalar<long>(clusterId), await there.First<long>(clusterId, null, default));
        Assert.Equal(10, await there.First<long>("select count(*) from platform.events where xid = '4000000000'", null, default));
        var before = await new ChainVerifier(restored, TimeProvider.System).Verify(checkpoint, TimeSpan.FromMinutes(5), default);
        Assert.Empty(before.Problems);
        Assert.Equal((30, 10), (before.Entries, before.Unsealed));

        const string add = """
            insert into platform.events (at, name, subject, actor, payload)
            select now(), 'test.happened', 'test.thing:' || n, 'c', '{}' from generate_series(1, 5) n
            """;
        await there.Execute(add, null, default);
        using var sequencer = new Sequencer(
            restored, Options.Create(new EventOptions { Batch = 4 }), TimeProvider.System, NullLogger<Sequencer>.Instance);
        await Sequence(sequencer, there);
        await there.Execute(add, null, default);
        await Sequence(sequencer, there);
        await sequencer.StopAsync(default);

        var found = await new ChainVerifier(restored, TimeProvider.System).Verify(checkpoint, TimeSpan.FromMinutes(5), default);
        Assert.Empty(found.Problems);
        Assert.Equal((50, 0, TestEventLog.Accesses), (found.Entries, found.Unsealed, found.AccessRecords));
        const string extent = "select count(*) || ' ' || min(position) || ' ' || max(position) from platform.chain";
        const string outOfOrder = """
            select count(*) from (select event_id <= lag(event_id) over (order by position) as back from platform.chain) c where back
            """;
        Assert.Equal("50 1 50", await there.First<string>(extent, null, default));
        Assert.Equal(0, await there.First<long>(outOfOrder, null, default));
    }

    /// <summary>Runs until every id is final.</summary>
    private static async Task Sequence(Sequencer sequencer, Database database)
    {
        const string isFinal = "select final_id >= (select max(id) from platform.events) from platform.sequencer";
        for (var tries = 0; !await database.First<bool>(isFinal, null, default); tries++)
        {
            Assert.InRange(tries, 0, 200);
            if (await sequencer.RunOnce(default) is Sequencer.Round.Idle or Sequencer.Round.NotMine)
                await Task.Delay(20);
        }
    }

    private async Task Move(string from, string to)
    {
        var programs = await PostgresPrograms.Find(
            Environment.GetEnvironmentVariable("CARAWAY_POSTGRES_BIN"), null, folder.FullName, default);
        var (dump, restore) = (Path.Combine(programs.Folder, "pg_dump"), Path.Combine(programs.Folder, "pg_restore"));
        Assert.SkipUnless(File.Exists(dump) && File.Exists(restore), "These programs of PostgreSQL come without pg_dump.");
        var file = Path.Combine(folder.FullName, "caraway.dump");
        var dumped = await ChildProcess.Run(dump, ["--format=custom", "--file", file, "--dbname", Uri(from)], new ChildProcess.Options());
        Assert.SkipWhen(dumped.Error.Contains("server version mismatch", StringComparison.Ordinal), "pg_dump is older than the server.");
        Assert.Equal((0, ""), (dumped.ExitCode, dumped.Error));
        var restored = await ChildProcess.Run(
            restore, ["--no-owner", "--exit-on-error", "--single-transaction", "--dbname", Uri(to), file], new ChildProcess.Options());
        Assert.Equal((0, ""), (restored.ExitCode, restored.Error));
    }

    /// <summary>Translates Npgsql's keywords into those of libpq.</summary>
    private static string Uri(string address)
    {
        var parts = new NpgsqlConnectionStringBuilder(address);
        var words = new (string Name, string? Value)[]
        {
            ("host", parts.Host), ("port", FormattableString.Invariant($"{parts.Port}")), ("user", parts.Username),
            ("password", parts.Password), ("dbname", parts.Database),
        };
        return string.Join(' ', words.Where(word => word.Value is not null).Select(word => $"{word.Name}='{Escape(word.Value!)}'"));
    }

    private static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal);

    public void Dispose() => folder.Delete(recursive: true);
}
