using Caraway.Platform.Audit;
using Caraway.Tests.Infrastructure;
using Dapper;

namespace Caraway.Tests.Platform.Events;

/// <summary>Many writers, and two sequencers that take the lease from each other.</summary>
public sealed class SequencerStressTests(PostgresServer postgres) : SequencerTestBase(postgres)
{
    /// <summary>Some writers behave like the program; others draw transaction numbers early, wait long or roll back.</summary>
    [Fact]
    public async Task Random_writers_get_each_event_once_and_each_subject_in_order()
    {
        const int Writers = 8;
        options.Batch = 7;
        await database.Execute(
            """
            create table subjects (name text primary key);
            insert into subjects select 'test.thing:' || n from generate_series(1, 6) n
            """);
        using var ended = new CancellationTokenSource();
        using var one = Create();
        using var other = Create();
        var sequencing = new[] { one, other }.Select(sequencer => Task.Run(async () =>
        {
            while (!ended.IsCancellationRequested)
            {
                await sequencer.RunOnce(default);
                await Task.Delay(2);
            }
        })).ToList();
        var thief = Task.Run(async () =>
        {
            var random = new Random(7);
            while (!ended.IsCancellationRequested)
            {
                await Task.Delay(random.Next(5, 60));
                await ExpireLease();
            }
        });

        await Task.WhenAll(Enumerable.Range(0, Writers).Select(n => Task.Run(() => WriteAtRandom(new Random(20261121 + n)))));
        await ended.CancelAsync();
        await Task.WhenAll([.. sequencing, thief]);

        await ExpireLease();
        // A new holder sets its first mark with its first renewal, after a third of this time.
        options.LeaseSeconds = 3;
        using var last = Create();
        await SequenceUntil(last, await database.Scalar<long>("select count(*) from platform.events"));
        Assert.InRange(await database.Scalar<long>("select fence from platform.sequencer"), 5, long.MaxValue);
        Assert.InRange(await database.Scalar<long>("select count(*) from platform.chain"), 300, long.MaxValue);
        await AssertSound();
        await WaitForFinalId(last, await database.Scalar<long>("select max(id) from platform.events"));
        var found = await new ChainVerifier(database.Source, TimeProvider.System).Verify(null, TimeSpan.FromMinutes(1), default);
        Assert.Empty(found.Problems);
    }

    private async Task WriteAtRandom(Random random)
    {
        for (var i = 0; i < 40; i++)
        {
            await using var connection = await Begin();
            if (random.Next(3) == 0)
                await connection.ExecuteAsync("select pg_current_xact_id()");
            await Task.Delay(random.Next(8));
            foreach (var subject in Enumerable.Range(1, 6).Where(_ => random.Next(4) == 0))
            {
                await connection.ExecuteAsync($"select from subjects where name = 'test.thing:{subject}' for no key update");
                for (var events = random.Next(1, 3); events > 0; events--)
                    await Write($"test.thing:{subject}", connection);
                await Task.Delay(random.Next(8));
            }

            await connection.ExecuteAsync(random.Next(5) == 0 ? "rollback work" : "commit work");
        }
    }
}
