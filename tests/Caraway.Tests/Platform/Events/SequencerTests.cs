using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Tests.Infrastructure;
using Dapper;
using static Caraway.Platform.Events.Sequencer;

namespace Caraway.Tests.Platform.Events;

/// <summary>The order in which events get their positions.</summary>
public sealed class SequencerTests(PostgresServer postgres) : SequencerTestBase(postgres)
{
    [Fact]
    public async Task Events_get_dense_positions_in_the_order_of_their_ids()
    {
        options.Batch = 10;
        await WriteSettled(25);
        using var sequencer = Create();

        foreach (var round in new[] { Round.Full, Round.Full, Round.Sequenced, Round.Idle })
            Assert.Equal(round, await sequencer.RunOnce(default));

        Assert.Equal(Enumerable.Range(1, 25).Select(n => (long)n), await ReadChain());
        await AssertSound();
    }

    [Fact]
    public async Task A_hash_covers_every_field_of_its_event()
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
        var rows = (await connection.QueryAsync<ChainEntry>(
            """
            select c.position, c.event_id, c.hash,
                e.id, e.at, e.name, e.subject, e.actor, e.on_behalf_of, e.request_id, e.address, e.payload, e.salt, e.digest
            from platform.chain c join platform.events e on e.id = c.event_id order by c.position
            """)).AsList();
        Assert.Equal(3, rows.Count);
        var hash = Chain.Genesis;
        foreach (var row in rows)
        {
            hash = Chain.Hash(hash, row.Position, row.Envelope, Chain.Digest(row.Salt!, row.Payload!));
            Assert.Equal(hash, row.Hash);
        }

        Assert.Equal(hash, await database.Scalar<byte[]>("select hash from platform.sequencer"));
    }

    [Fact]
    public async Task A_late_commit_is_not_skipped_and_holds_back_younger_events()
    {
        using var sequencer = Create();
        var before = await Write("test.thing:before");
        await SequenceUntil(sequencer, 1);

        await using var late = await Begin();
        var open = await Write("test.thing:late", late);
        for (var i = 0; i < 5; i++)
            await Write($"test.thing:{i}");
        await AssertStays(sequencer, 1);
        Assert.InRange(await database.Scalar<long>("select final_id from platform.sequencer"), 0, open - 1);

        await late.ExecuteAsync("commit work");
        await SequenceUntil(sequencer, 7);
        Assert.Equal(Enumerable.Range(0, 7).Select(n => before + n), await ReadChain());
        await AssertSound();
    }

    [Fact]
    public async Task A_late_commit_between_two_batches_is_not_skipped()
    {
        options.Batch = 2;
        using var sequencer = Create();
        await using var late = await Begin();
        await Write("test.thing:late", late);
        // Like events of older transactions: they get positions, and the final id stays below the late event.
        await WriteSettled(7);
        await SequenceUntil(sequencer, 7);
        await AssertStays(sequencer, 7);

        await late.ExecuteAsync("commit work");
        await SequenceUntil(sequencer, 8);
        Assert.Equal(Ids(2, 3, 4, 5, 6, 7, 8, 1), await ReadChain());
    }

    [Fact]
    public async Task A_rollback_leaves_no_gap_in_the_positions()
    {
        using var sequencer = Create();
        var first = await Write("test.thing:1");
        await using (var undone = await Begin())
        {
            await Write("test.thing:1", undone);
            await undone.ExecuteAsync("rollback work");
        }

        var last = await Write("test.thing:1");
        await SequenceUntil(sequencer, 2);

        Assert.Equal(first + 2, last);
        Assert.Equal(Ids(first, last), await ReadChain());
        await AssertSound();
        await WaitForFinalId(sequencer, last);
    }

    [Fact]
    public async Task Events_of_a_subject_keep_the_order_of_their_ids_under_any_transaction_numbers()
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
        var isTurnedRound = $"select a.xid > b.xid from platform.events a, platform.events b where a.id = {lower} and b.id = {higher}";
        Assert.True(await database.Scalar<bool>(isTurnedRound));

        // The position of the other subject's event shows that the horizon passed the first transaction.
        await SequenceUntil(sequencer, 1);
        await AssertStays(sequencer, 1);
        Assert.Equal(Ids(other), await ReadChain());

        await between.ExecuteAsync("commit work");
        await SequenceUntil(sequencer, 3);
        Assert.Equal(Ids(other, lower, higher), await ReadChain());
        await AssertSound();
    }

    [Fact]
    public async Task The_final_id_reaches_the_last_event()
    {
        options.Batch = 3;
        using var sequencer = Create();
        long last = 0;
        for (var i = 0; i < 20; i++)
            last = await Write($"test.thing:{i % 3}");

        await SequenceUntil(sequencer, 20);
        await WaitForFinalId(sequencer, last);
        Assert.Equal(last, await database.Scalar<long>("select final_id from platform.sequencer"));
    }
}
