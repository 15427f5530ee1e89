using Caraway.Platform.Audit;
using Caraway.Platform.Postgres;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform.Events;

namespace Caraway.Tests.Platform.Audit;

/// <summary>A checkpoint that is kept outside the database.</summary>
public sealed class CheckpointTests(PostgresServer postgres) : VerifierTestBase(postgres)
{
    [Fact]
    public async Task An_unchanged_log_is_valid()
    {
        await TestEventLog.Fill(database);

        var found = await TestEventLog.Verify(database, await TakeCheckpoint());

        Assert.Empty(found.Problems);
        Assert.Equal(
            (TestEventLog.Events, 0, TestEventLog.Accesses, 0), (found.Entries, found.Erased, found.AccessRecords, found.Unsealed));
    }

    [Fact]
    public async Task An_empty_log_is_valid_and_has_no_checkpoint()
    {
        var found = await TestEventLog.Verify(database);

        Assert.Empty(found.Problems);
        Assert.Equal((0, 0, 0, 0), (found.Entries, found.Erased, found.AccessRecords, found.Unsealed));
        await using var own = new Database(database.Source);
        Assert.Null(await Checkpoint.Take(own, Key, DateTime.UtcNow, default));
    }

    /// <summary>Chain, events and the sequencer's row agree with each other.</summary>
    [Fact]
    public async Task Only_a_checkpoint_reveals_a_consistent_cut_of_the_tail()
    {
        await TestEventLog.Fill(database);
        var checkpoint = await TakeCheckpoint();
        await database.Execute(
            """
            delete from platform.chain where position > 28;
            delete from platform.events where id > 30;
            update platform.sequencer s set position = 28, hash = c.hash, final_id = 30 from platform.chain c where c.position = 28
            """);

        Assert.Empty((await TestEventLog.Verify(database)).Problems);
        AssertFirst(
            "the chain ends at position 28, and at the checkpoint of 2026-06-01T00:00:00Z it ended at 30",
            await TestEventLog.Verify(database, checkpoint));

        await TestEventLog.Add(database, 5);
        await TestEventLog.Sequence(database);
        Assert.Empty((await TestEventLog.Verify(database)).Problems);
        AssertFirst("Position 30: the chain differs from the checkpoint", await TestEventLog.Verify(database, checkpoint));
    }

    [Theory]
    [InlineData("update platform.events set actor = 'user:99' where id = 5")]
    [InlineData("update platform.events set actor = 'user:99' where id = 32")]
    [InlineData("update platform.events set payload = '{}', digest = sha256(salt || '{}'::bytea) where id = 5")]
    [InlineData("delete from platform.chain where event_id = 5; delete from platform.events where id = 5")]
    [InlineData("update platform.chain set event_id = -event_id where position in (5, 6); update platform.chain set event_id = 11 + event_id where event_id < 0")]
    [InlineData("insert into platform.events (id, at, name, subject, actor, payload) values (13, now(), 'a', 'b', 'c', '{}'); update platform.chain set position = position + 100 where position > 12; update platform.chain set position = position - 99 where position > 100; insert into platform.chain values (13, 13, '')")]
    public async Task Only_a_checkpoint_reveals_a_consistently_rewritten_chain(string sql)
    {
        await TestEventLog.Fill(database);
        var checkpoint = await TakeCheckpoint();

        await database.Execute(sql);
        await database.Execute(TestEventLog.Rewrite);

        Assert.Empty((await TestEventLog.Verify(database)).Problems);
        Assert.Contains(
            (await TestEventLog.Verify(database, checkpoint)).Problems,
            problem => problem.Contains("the chain differs from the checkpoint", StringComparison.Ordinal)
                || problem.Contains("The tail is missing: the chain ends at position 29", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_old_checkpoint_stays_valid_while_the_chain_grows()
    {
        await TestEventLog.Fill(database);
        var checkpoint = await TakeCheckpoint();
        await TestEventLog.Add(database, 20);
        await TestEventLog.Sequence(database);

        var found = await TestEventLog.Verify(database, checkpoint);

        Assert.Empty(found.Problems);
        Assert.Equal(50, found.Entries);
        Assert.Equal(checkpoint, Checkpoint.Read(System.Text.Json.JsonSerializer.Serialize(checkpoint, AuditJson.Default.Checkpoint), Key));
    }
}
