using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Caraway.Tests.Infrastructure;
using Npgsql;

namespace Caraway.Tests.Platform.Events;

/// <summary>Events that fail in a handler: attempts, parking and replay.</summary>
public sealed class EventRetryTests(PostgresServer postgres) : DispatcherTestBase(postgres)
{
    [Fact]
    public async Task A_failed_event_is_tried_again_later_and_only_its_subject_waits()
    {
        await AddSequenced(6);
        var recorder = new Recorder { Fails = e => e.Position == 1 };
        var dispatcher = await Create(recorder);

        await Drain(dispatcher);
        Assert.Equal("2 4 6", await ReadEffects());
        Assert.Equal("6 3 0", await ReadProgress());

        await AddSequenced(2);
        await Drain(dispatcher);
        Assert.Equal("2 4 6 8", await ReadEffects());
        Assert.Equal("8 4 0", await ReadProgress());

        recorder.Fails = _ => false;
        await Drain(dispatcher);
        Assert.Equal("2 4 6 8", await ReadEffects());

        clock.Pass(TimeSpan.FromSeconds(2));
        await Drain(dispatcher);
        Assert.Equal("2 4 6 8 1 3 5 7", await ReadEffects());
        Assert.Equal("8 0 0", await ReadProgress());
    }

    [Fact]
    public async Task An_event_is_parked_after_its_last_attempt_and_later_events_go_on()
    {
        await AddSequenced(5);
        var recorder = new Recorder { Fails = e => e.Position == 1 };
        var dispatcher = await Create(recorder);

        await Drain(dispatcher);
        clock.Pass(TimeSpan.FromSeconds(2));
        await Drain(dispatcher);
        Assert.Equal("5 3 0", await ReadProgress());
        clock.Pass(TimeSpan.FromSeconds(4));
        await Drain(dispatcher);

        Assert.Equal("2 4 3 5", await ReadEffects());
        Assert.Equal("5 0 1", await ReadProgress());
        const string parked = """
            select count(*) from platform.event_retries where attempt = 3 and error like 'InvalidOperationException on attempt 3;%'
            """;
        Assert.Equal(1, await database.Scalar<long>(parked));

        clock.Pass(TimeSpan.FromDays(1));
        recorder.Fails = _ => false;
        await Drain(dispatcher);
        Assert.Equal("5 0 1", await ReadProgress());
        await using var own = new Database(database.Source);
        Assert.Equal(0, await ReplayEvents.Parked("other", Now, own, default));
        Assert.Equal(1, await ReplayEvents.Parked("test", Now, own, default));
        await Drain(dispatcher);
        Assert.Equal("2 4 3 5 1", await ReadEffects());
        Assert.Equal("5 0 0", await ReadProgress());
    }

    [Fact]
    public async Task A_replay_delivers_all_events_from_a_position_on_again()
    {
        await AddSequenced(6);
        var recorder = new Recorder { Fails = e => e.Position is 1 or 4 };
        var dispatcher = await Create(recorder);
        await Drain(dispatcher);
        Assert.Equal("2", await ReadEffects());
        Assert.Equal("6 5 0", await ReadProgress());

        await using (var own = new Database(database.Source))
        {
            Assert.Null(await ReplayEvents.From("other", 1, own, default));
            Assert.Equal(6, await ReplayEvents.From("test", 2, own, default));
        }

        Assert.Equal("1 1 0", await ReadProgress());
        recorder.Fails = _ => false;
        await Drain(dispatcher);
        Assert.Equal("2 2 4 6", await ReadEffects());
        clock.Pass(TimeSpan.FromSeconds(2));
        await Drain(dispatcher);
        Assert.Equal("2 2 4 6 1 3 5", await ReadEffects());
        Assert.Equal("6 0 0", await ReadProgress());

        await using (var own = new Database(database.Source))
            Assert.Equal(6, await ReplayEvents.From("test", 8, own, default));
        Assert.Equal("6 0 0", await ReadProgress());
    }

    [Fact]
    public async Task A_stop_during_a_retry_is_not_counted_as_an_attempt()
    {
        await AddSequenced(1);
        var recorder = new Recorder { Fails = _ => true };
        var dispatcher = await Create(recorder);
        await Drain(dispatcher);
        clock.Pass(TimeSpan.FromSeconds(2));
        recorder.Exception = new OperationCanceledException();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => dispatcher.RunOnce(default));

        Assert.Equal("1 1 0", await ReadProgress());
        Assert.Equal(1, await database.Scalar<int>("select attempt from platform.event_retries"));
        recorder.Fails = _ => false;
        await Drain(dispatcher);
        Assert.Equal("1", await ReadEffects());
    }

    /// <summary>Another process handles the event after the failed attempt is undone and before the failure is recorded.</summary>
    [Fact]
    public async Task A_retry_is_not_repeated_when_another_process_has_done_it()
    {
        await AddSequenced(1);
        var failing = new Recorder { Fails = _ => true };
        await Drain(await Create(failing));
        clock.Pass(TimeSpan.FromSeconds(2));
        var other = await Create(new Recorder());
        await using var source = Interrupted(() => failing.Failures == 3, () => other.RunOnce(default));

        // The event failed in its batch and then alone. This is the third failure.
        await Create(failing, source).RunOnce(default);
        clock.Pass(TimeSpan.FromMinutes(1));
        await Drain(other);

        Assert.Equal("1", await ReadEffects());
    }

    /// <summary>Another process handles the failed event after the batch is undone and before the failure is recorded.</summary>
    [Fact]
    public async Task An_event_is_not_skipped_because_another_event_failed()
    {
        options.MaxAttempts = 1;
        options.Batch = 1;
        await AddSequenced(2);
        var failing = new Recorder { Fails = e => e.Position == 1 };
        var other = await Create(new Recorder());
        await using var source = Interrupted(() => failing.Failures == 2, () => other.RunOnce(default));

        await Create(failing, source).RunOnce(default);
        await Drain(other);

        Assert.Equal("1 2", await ReadEffects());
        Assert.Equal("2 0 0", await ReadProgress());
    }

    [Fact]
    public async Task An_event_that_times_out_delays_only_its_subject()
    {
        await AddSequenced(4);
        var slow = new Recorder { Slow = e => e.Position == 1 };
        await Create(slow);
        await using var source = new NpgsqlDataSourceBuilder(database.Address) { ConnectionStringBuilder = { CommandTimeout = 1 } }.Build();

        await Drain(Create(slow, source));

        Assert.Equal("2 4", await ReadEffects());
        Assert.Equal("4 2 0", await ReadProgress());
    }

    /// <summary>A data source that runs the interruption once, before the first connection after <paramref name="isTime"/> holds.</summary>
    private NpgsqlDataSource Interrupted(Func<bool> isTime, Func<Task> interruption)
    {
        var builder = new NpgsqlDataSourceBuilder(database.Address) { ConnectionStringBuilder = { Pooling = false } };
        var isDone = false;
        builder.UsePhysicalConnectionInitializer(
            _ => throw new NotSupportedException(),
            async _ =>
            {
                if (isDone || !isTime())
                    return;
                isDone = true;
                await interruption();
            });
        return builder.Build();
    }
}
