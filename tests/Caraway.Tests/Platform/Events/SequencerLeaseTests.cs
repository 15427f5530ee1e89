using Caraway.Platform.Events;
using Caraway.Tests.Infrastructure;
using Dapper;
using static Caraway.Platform.Events.Sequencer;

namespace Caraway.Tests.Platform.Events;

/// <summary>The lease under which one process at a time gives positions.</summary>
public sealed class SequencerLeaseTests(PostgresServer postgres) : SequencerTestBase(postgres)
{
    [Fact]
    public async Task Only_one_of_two_sequencers_has_the_lease()
    {
        using var one = Create();
        using var other = Create();
        await one.RunOnce(default);
        await Write("test.thing:1");

        Assert.Equal(Round.NotMine, await other.RunOnce(default));
        await SequenceUntil(one, 1);
        Assert.Equal(Round.NotMine, await other.RunOnce(default));
    }

    [Fact]
    public async Task A_sequencer_that_lost_its_lease_writes_nothing_more()
    {
        using var one = Create();
        using var other = Create();
        await Write("test.thing:1");
        await SequenceUntil(one, 1);
        await ExpireLease();
        Assert.NotEqual(Round.NotMine, await other.RunOnce(default));
        var row = await ReadRow();
        await WriteSettled(1);

        Assert.Equal(Round.NotMine, await one.RunOnce(default));
        Assert.Equal(row, await ReadRow());
        Assert.Equal(Round.NotMine, await one.RunOnce(default));

        await SequenceUntil(other, 2);
        await AssertSound();
    }

    [Fact]
    public async Task A_sequencer_with_an_expired_lease_continues_when_no_other_took_it()
    {
        using var one = Create();
        await Write("test.thing:1");
        await SequenceUntil(one, 1);
        await ExpireLease();
        await Write("test.thing:2");

        await SequenceUntil(one, 2);
        Assert.True(await database.Scalar<bool>("select lease_until > now() and fence = 1 from platform.sequencer"));
    }

    [Fact]
    public async Task An_idle_sequencer_renews_its_lease()
    {
        options.LeaseSeconds = 1;
        using var one = Create();
        using var other = Create();
        await one.StartAsync(default);
        await WaitForLease(one);
        for (var i = 0; i < 30; i++)
        {
            await Task.Delay(100);
            Assert.Equal(Round.NotMine, await other.RunOnce(default));
        }

        await one.StopAsync(default);
    }

    [Fact]
    public async Task A_stop_releases_the_lease()
    {
        using var one = Create();
        using var other = Create();
        await one.StartAsync(default);
        await WaitForLease(one);
        await one.StopAsync(default);

        Assert.True(await database.Scalar<bool>("select lease_until is null from platform.sequencer"));
        Assert.NotEqual(Round.NotMine, await other.RunOnce(default));
    }

    [Fact]
    public async Task A_stop_during_a_round_releases_the_lease()
    {
        using var sequencer = Create();
        await sequencer.StartAsync(default);
        await WaitForLease(sequencer);
        await using var lockers = await Begin();
        await lockers.ExecuteAsync("select from platform.sequencer for update");
        await WriteSettled(1);
        const string blocked = """
            select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
            """;
        for (var tries = 0; await database.Scalar<long>(blocked) == 0; tries++)
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
    public async Task The_next_holder_adopts_events_of_another_cluster()
    {
        using var one = Create();
        await Write("test.thing:1");
        await SequenceUntil(one, 1);
        await database.Execute(
            """
            insert into platform.events (xid, at, name, subject, actor, payload)
            values ('9999999999', now(), 'test.happened', 'test.thing:1', 'test', '{}');
            update platform.sequencer set cluster = 1
            """);
        await AssertStays(one, 1);

        await ExpireLease();
        using var other = Create();
        await SequenceUntil(other, 2);
        const string isThisCluster = "select cluster = (select system_identifier from pg_control_system()) from platform.sequencer";
        Assert.True(await database.Scalar<bool>(isThisCluster));
        await AssertSound();
    }

    private async Task WaitForLease(Sequencer sequencer)
    {
        for (var tries = 0; await database.Scalar<bool>("select lease_until is null from platform.sequencer"); tries++)
        {
            Assert.InRange(tries, 0, 400);
            Assert.False(sequencer.ExecuteTask!.IsCompleted);
            await Task.Delay(25);
        }
    }

    private Task<string?> ReadRow() => database.Scalar<string>("select s::text from platform.sequencer s");
}
