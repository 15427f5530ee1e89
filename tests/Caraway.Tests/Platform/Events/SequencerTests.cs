using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Tests.Infrastructure;
using Dapper;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using static Caraway.Platform.Events.Sequencer;

namespace Caraway.Tests.Platform.Events;

/// <summary>
/// Which events get their positions, and when. Other tests' transactions hold the horizon of the cluster back for moments: what must come
/// is waited for; what must not come is asked for several times.
/// </summary>
public sealed class SequencerTests(PostgresServer postgres) : IAsyncLifetime
{
    private const string Insert = "insert into platform.events (at, name, subject, actor, payload) values (now(), 'test.happened', @subject, 'test', '{}') returning id";

    /// <summary>Settled at once, whatever other transactions are open.</summary>
    private const string InsertSettled = "insert into platform.events (xid, at, name, subject, actor, payload) select '0', now(), 'test.happened', 'test.thing:' || n % 3, 'test', '{}' from generate_series(1, @many) n";

    private readonly EventOptions options = new() { Batch = 100, LeaseSeconds = 60, PollMilliseconds = 10, PaceMilliseconds = 0 };
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.Create();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Theory]
    [InlineData("", "")]
    [InlineData("1a 2b 3a", "1 2 3")]
    [InlineData("1a! 2b", "2")]
    [InlineData("1a! 2a 3b 4a", "3")]
    [InlineData("1a 2a! 3a 4b! 5c", "1 5")]
    [InlineData("1a! 2b! 3a 4b", "")]
    public void What_is_settled_goes_on_unless_an_earlier_one_of_its_subject_waits(string waiting, string ready) =>
        Assert.Equal(ready, string.Join(' ', SequencingRules.SelectReady(Candidates(waiting)).Select(candidate => candidate.Id)));

    [Theory]
    [InlineData("", 10, true, 10)]
    [InlineData("3a 5b", 10, true, 10)]
    [InlineData("3a 5b", 4, true, 4)]
    [InlineData("3a 5b!", 10, true, 4)]
    [InlineData("3a! 5a", 10, true, 2)]
    [InlineData("5a!", 3, true, 3)]
    [InlineData("3a 5b", 10, false, 5)]
    [InlineData("3a 5b", 4, false, 4)]
    [InlineData("3a! 5b", 10, false, 2)]
    public void Final_is_what_is_before_the_first_that_waits_and_no_more_than_the_mark(string waiting, long mark, bool isWhole, long expected)
    {
        var candidates = Candidates(waiting);
        Assert.Equal(expected, SequencingRules.FindFinalId(mark, candidates, SequencingRules.SelectReady(candidates), isWhole));
    }

    [Fact]
    public async Task Events_get_dense_positions_in_the_order_of_their_ids()
    {
        options.Batch = 10;
        await using var connection = await database.Source.OpenConnectionAsync();
        await connection.ExecuteAsync(InsertSettled, new { many = 25 });
        using var sequencer = Create();

        Assert.Equal([Round.Full, Round.Full, Round.Sequenced], [await sequencer.RunOnce(default), await sequencer.RunOnce(default), await sequencer.RunOnce(default)]);
        Assert.Equal(Round.Idle, await sequencer.RunOnce(default));

        Assert.Equal(Enumerable.Range(1, 25).Select(n => (long)n), await Chained());
        await IsSound();
    }

    [Fact]
    public async Task The_chain_is_made_of_all_that_an_event_says()
    {
        await database.Execute(
            """
            insert into platform.events (xid, at, name, subject, actor, on_behalf_of, request_id, address, payload) values
                ('0', '2026-06-01 12:00:00.123456Z', 'test.happened', 'test.thing:1', 'Åse', 'ßig', 'r-1', '::1', '{"ä": 1}'),
                ('0', '1969-12-31 23:59:59.999999Z', 'test.happened', 'test.thing:1', 'test', null, null, null, '{}'),
                ('0', '2026-06-01 12:00:00Z', 'test.happened', '', '', '', '', '', '')
            """);
        using var sequencer = Create();
        await sequencer.RunOnce(default);

        await using var connection = await database.Source.OpenConnectionAsync();
        var rows = (await connection.QueryAsync<(long Position, byte[] Hash, long Id, DateTime At, string Name, string Subject, string Actor)>(
            "select c.position, c.hash, e.id, e.at, e.name, e.subject, e.actor from platform.chain c join platform.events e on e.id = c.event_id order by c.position")).AsList();
        var more = (await connection.QueryAsync<(string? OnBehalfOf, string? RequestId, string? Address, byte[] Salt, string Payload)>(
            "select e.on_behalf_of, e.request_id, e.address, e.salt, e.payload from platform.chain c join platform.events e on e.id = c.event_id order by c.position")).AsList();
        Assert.Equal(3, rows.Count);
        var hash = Chain.Genesis;
        foreach (var (row, rest) in rows.Zip(more))
        {
            hash = Chain.Hash(
                hash, row.Position, new Envelope(row.Id, row.At, row.Name, row.Subject, row.Actor, rest.OnBehalfOf, rest.RequestId, rest.Address), Chain.Digest(rest.Salt, rest.Payload));
            Assert.Equal(hash, row.Hash);
        }

        Assert.Equal(hash, await database.Scalar<byte[]>("select hash from platform.sequencer"));
    }

    [Fact]
    public async Task Who_commits_late_is_not_skipped_and_nothing_younger_goes_before_it()
    {
        using var sequencer = Create();
        var before = await Write("test.thing:before");
        await Sequenced(sequencer, 1);

        await using var late = await Begin();
        var open = await Write("test.thing:late", late);
        for (var i = 0; i < 5; i++)
            await Write($"test.thing:{i}");
        await Stays(sequencer, 1);
        Assert.InRange(await database.Scalar<long>("select final_id from platform.sequencer"), 0, open - 1);

        await late.ExecuteAsync("commit work");
        await Sequenced(sequencer, 7);
        Assert.Equal(Enumerable.Range(0, 7).Select(n => before + n), await Chained());
        await IsSound();
    }

    [Fact]
    public async Task A_late_one_between_two_batches_is_not_skipped()
    {
        options.Batch = 2;
        using var sequencer = Create();
        await using var late = await Begin();
        await Write("test.thing:late", late);
        // As if by transactions that are older than the late one: theirs get positions, and the final id stays below the late one's.
        await using var connection = await database.Source.OpenConnectionAsync();
        await connection.ExecuteAsync(InsertSettled, new { many = 7 });
        await Sequenced(sequencer, 7);
        await Stays(sequencer, 7);

        await late.ExecuteAsync("commit work");
        await Sequenced(sequencer, 8);
        Assert.Equal(Ids(2, 3, 4, 5, 6, 7, 8, 1), await Chained());
    }

    [Fact]
    public async Task An_id_that_was_rolled_back_leaves_no_gap_in_the_positions()
    {
        using var sequencer = Create();
        var first = await Write("test.thing:1");
        await using (var undone = await Begin())
        {
            await Write("test.thing:1", undone);
            await undone.ExecuteAsync("rollback work");
        }

        var last = await Write("test.thing:1");
        await Sequenced(sequencer, 2);

        Assert.Equal(first + 2, last);
        Assert.Equal(Ids(first, last), await Chained());
        await IsSound();
        await FinalReaches(sequencer, last);
    }

    [Fact]
    public async Task Of_one_subject_the_lower_id_comes_first_whatever_the_numbers_of_the_transactions()
    {
        using var sequencer = Create();
        await using var first = await Begin();
        await first.ExecuteAsync("select pg_current_xact_id()");
        await using var between = await Begin();
        await between.ExecuteAsync("select pg_current_xact_id()");
        var lower = await Write("test.thing:same");
        var higher = await Write("test.thing:same", first);
        var other = await Write("test.thing:other", first);
        await first.ExecuteAsync("commit work");
        Assert.True(await database.Scalar<bool>($"select a.xid > b.xid from platform.events a, platform.events b where a.id = {lower} and b.id = {higher}"));

        // The one of another subject shows that the horizon passed the first transaction.
        await Sequenced(sequencer, 1);
        await Stays(sequencer, 1);
        Assert.Equal(Ids(other), await Chained());

        await between.ExecuteAsync("commit work");
        await Sequenced(sequencer, 3);
        Assert.Equal(Ids(other, lower, higher), await Chained());
        await IsSound();
    }

    [Fact]
    public async Task One_of_two_has_the_lease()
    {
        using var one = Create();
        using var other = Create();
        await one.RunOnce(default);
        await Write("test.thing:1");

        Assert.Equal(Round.NotMine, await other.RunOnce(default));
        await Sequenced(one, 1);
        Assert.Equal(Round.NotMine, await other.RunOnce(default));
    }

    [Fact]
    public async Task One_that_lost_its_lease_writes_nothing_more()
    {
        using var one = Create();
        using var other = Create();
        await Write("test.thing:1");
        await Sequenced(one, 1);
        await EndLease();
        Assert.NotEqual(Round.NotMine, await other.RunOnce(default));
        var row = await Row();
        await database.Execute("insert into platform.events (xid, at, name, subject, actor, payload) values ('0', now(), 'test.happened', 'test.thing:2', 'test', '{}')");

        Assert.Equal(Round.NotMine, await one.RunOnce(default));
        Assert.Equal(row, await Row());
        Assert.Equal(Round.NotMine, await one.RunOnce(default));

        await Sequenced(other, 2);
        await IsSound();
    }

    [Fact]
    public async Task One_whose_lease_is_over_goes_on_when_no_other_took_it()
    {
        using var one = Create();
        await Write("test.thing:1");
        await Sequenced(one, 1);
        await EndLease();
        await Write("test.thing:2");

        await Sequenced(one, 2);
        Assert.True(await database.Scalar<bool>("select lease_until > now() and fence = 1 from platform.sequencer"));
    }

    [Fact]
    public async Task A_lease_is_renewed_while_nothing_happens()
    {
        options.LeaseSeconds = 1;
        using var one = Create();
        using var other = Create();
        await one.StartAsync(default);
        await Holds(one);
        for (var i = 0; i < 30; i++)
        {
            await Task.Delay(100);
            Assert.Equal(Round.NotMine, await other.RunOnce(default));
        }

        await one.StopAsync(default);
    }

    [Fact]
    public async Task A_stop_gives_the_lease_back()
    {
        using var one = Create();
        using var other = Create();
        await one.StartAsync(default);
        await Holds(one);
        await one.StopAsync(default);

        Assert.True(await database.Scalar<bool>("select lease_until is null from platform.sequencer"));
        Assert.NotEqual(Round.NotMine, await other.RunOnce(default));
    }

    [Fact]
    public async Task A_stop_in_the_middle_of_a_round_gives_the_lease_back()
    {
        using var sequencer = Create();
        await sequencer.StartAsync(default);
        await Holds(sequencer);
        await using var lockers = await Begin();
        await lockers.ExecuteAsync("select from platform.sequencer for update");
        await database.Execute("insert into platform.events (xid, at, name, subject, actor, payload) values ('0', now(), 'test.happened', 'test.thing:1', 'test', '{}')");
        for (var tries = 0; await database.Scalar<long>("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == 0; tries++)
        {
            Assert.InRange(tries, 0, 400);
            await Task.Delay(25);
        }

        var stopping = sequencer.StopAsync(default);
        await sequencer.ExecuteTask!;
        await lockers.ExecuteAsync("commit work");
        await stopping;

        Assert.True(await database.Scalar<bool>("select lease_until is null from platform.sequencer"));
    }

    [Fact]
    public async Task Events_of_another_cluster_are_adopted_by_the_next_holder()
    {
        using var one = Create();
        await Write("test.thing:1");
        await Sequenced(one, 1);
        await database.Execute(
            """
            insert into platform.events (xid, at, name, subject, actor, payload) values ('9999999999', now(), 'test.happened', 'test.thing:1', 'test', '{}');
            update platform.sequencer set cluster = 1
            """);
        await Stays(one, 1);

        await EndLease();
        using var other = Create();
        await Sequenced(other, 2);
        Assert.True(await database.Scalar<bool>("select cluster = (select system_identifier from pg_control_system()) from platform.sequencer"));
        await IsSound();
    }

    [Fact]
    public async Task What_is_final_is_not_looked_at_again()
    {
        options.Batch = 3;
        using var sequencer = Create();
        long last = 0;
        for (var i = 0; i < 20; i++)
            last = await Write($"test.thing:{i % 3}");

        await Sequenced(sequencer, 20);
        await FinalReaches(sequencer, last);
        Assert.Equal(last, await database.Scalar<long>("select final_id from platform.sequencer"));
    }

    /// <summary>Writers as the program's own, and worse ones, while two sequencers take the lease from each other.</summary>
    [Fact]
    public async Task Whatever_writers_do_each_event_comes_once_and_each_subjects_in_its_order()
    {
        const int Writers = 8;
        options.Batch = 7;
        await database.Execute("create table subjects (name text primary key); insert into subjects select 'test.thing:' || n from generate_series(1, 6) n");
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
                await EndLease();
            }
        });

        await Task.WhenAll(Enumerable.Range(0, Writers).Select(n => Task.Run(() => WriteAtRandom(new Random(20261121 + n)))));
        await ended.CancelAsync();
        await Task.WhenAll([.. sequencing, thief]);

        await EndLease();
        // A new holder's first mark comes with its first renewal, after a third of this.
        options.LeaseSeconds = 3;
        using var last = Create();
        await Sequenced(last, await database.Scalar<long>("select count(*) from platform.events"));
        Assert.InRange(await database.Scalar<long>("select fence from platform.sequencer"), 5, long.MaxValue);
        Assert.InRange(await database.Scalar<long>("select count(*) from platform.chain"), 300, long.MaxValue);
        await IsSound();
        await FinalReaches(last, await database.Scalar<long>("select max(id) from platform.events"));
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

    private Sequencer Create() => new(database.Source, Options.Create(options), TimeProvider.System, NullLogger<Sequencer>.Instance);

    /// <summary>"3a!": the event 3 of subject a, not settled.</summary>
    private static List<UnsequencedEvent> Candidates(string text) =>
        [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(one => new UnsequencedEvent(one[0] - '0', default, "test.happened", one[1..2], "test", null, null, null, [], !one.EndsWith('!')))];

    private async Task<NpgsqlConnection> Begin()
    {
        var connection = await database.Source.OpenConnectionAsync();
        await connection.ExecuteAsync("start transaction");
        return connection;
    }

    private static Task<long> Write(string subject, NpgsqlConnection connection) => connection.QuerySingleAsync<long>(Insert, new { subject });

    private async Task<long> Write(string subject)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        return await Write(subject, connection);
    }

    private async Task Sequenced(Sequencer sequencer, long events)
    {
        for (var tries = 0; await database.Scalar<long>("select count(*) from platform.chain") < events; tries++)
        {
            Assert.InRange(tries, 0, 2_000);
            if (await sequencer.RunOnce(default) == Round.Idle)
                await Task.Delay(10);
        }

        Assert.Equal(events, await database.Scalar<long>("select count(*) from platform.chain"));
    }

    private async Task Stays(Sequencer sequencer, long events)
    {
        for (var i = 0; i < 5; i++)
            await sequencer.RunOnce(default);
        Assert.Equal(events, await database.Scalar<long>("select count(*) from platform.chain"));
    }

    private async Task FinalReaches(Sequencer sequencer, long id)
    {
        for (var tries = 0; await database.Scalar<long>("select final_id from platform.sequencer") < id; tries++)
        {
            Assert.InRange(tries, 0, 500);
            await sequencer.RunOnce(default);
            await Task.Delay(10);
        }
    }

    private async Task Holds(Sequencer sequencer)
    {
        for (var tries = 0; await database.Scalar<bool>("select lease_until is null from platform.sequencer"); tries++)
        {
            Assert.InRange(tries, 0, 400);
            Assert.False(sequencer.ExecuteTask!.IsCompleted);
            await Task.Delay(25);
        }
    }

    private static long[] Ids(params long[] ids) => ids;

    private Task EndLease() => database.Execute("update platform.sequencer set lease_until = clock_timestamp() - interval '1 second'");

    private Task<string?> Row() => database.Scalar<string>("select s::text from platform.sequencer s");

    private async Task<long[]> Chained() => await database.Scalar<long[]>("select array_agg(event_id order by position) from platform.chain") ?? [];

    /// <summary>Each event once, positions without gaps, and per subject in the order of ids.</summary>
    private async Task IsSound()
    {
        Assert.Equal(0, await database.Scalar<long>("select count(*) from platform.events e full join platform.chain c on c.event_id = e.id where c.event_id is null or e.id is null"));
        Assert.True(await database.Scalar<bool>("select min(position) = 1 and max(position) = count(*) and count(distinct event_id) = count(*) from platform.chain"));
        Assert.Equal(
            0,
            await database.Scalar<long>(
                """
                select count(*) from (
                    select e.id, lag(e.id) over (partition by e.subject order by c.position) as before from platform.events e join platform.chain c on c.event_id = e.id
                ) o where before > id
                """));
        Assert.True(await database.Scalar<bool>("select s.position = c.position and s.hash = c.hash from platform.sequencer s, platform.chain c order by c.position desc limit 1"));
    }
}
