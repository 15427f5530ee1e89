using Caraway.Platform.Events;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Events;

/// <summary>The delivery of events to handlers.</summary>
public sealed class EventDispatcherTests(PostgresServer postgres) : DispatcherTestBase(postgres)
{
    [Fact]
    public async Task Each_event_is_delivered_once_and_in_order()
    {
        await AddSequenced(25);
        await Drain(await Create(new Recorder()));
        Assert.Equal(string.Join(' ', Enumerable.Range(1, 25)), await ReadEffects());
        Assert.Equal("25 0 0", await ReadProgress());

        await AddSequenced(2);
        await Drain(await Create(new Recorder()));
        Assert.Equal(string.Join(' ', Enumerable.Range(1, 27)), await ReadEffects());
    }

    [Fact]
    public async Task Events_with_other_names_are_not_delivered()
    {
        await AddSequenced(3);
        await AddSequenced(12, name: "test.else");
        await AddSequenced(1);
        await AddSequenced(4, name: "test.else");

        await Drain(await Create(new Recorder()));

        Assert.Equal("1 2 3 16", await ReadEffects());
        Assert.Equal("20 0 0", await ReadProgress());
    }

    [Fact]
    public async Task A_failing_handler_does_not_delay_another_handler()
    {
        await AddSequenced(4);
        var dispatcher = await Create(new Recorder(), new Recorder { Name = "bad", Fails = _ => true });

        await Drain(dispatcher);

        Assert.Equal("1 2 3 4", await ReadEffects());
        Assert.Equal("4 0 0", await ReadProgress());
        Assert.Equal("4 4 0", await ReadProgress("bad"));
    }

    [Fact]
    public async Task Eight_dispatchers_at_once_deliver_each_event_once_and_in_order()
    {
        await AddSequenced(500);
        var dispatchers = new List<EventDispatcher>();
        for (var i = 0; i < 8; i++)
            dispatchers.Add(await Create(new Recorder()));

        await Task.WhenAll(dispatchers.Select(dispatcher => Task.Run(async () =>
        {
            while (await database.Scalar<long>("select position from platform.event_cursors") < 500)
                await dispatcher.RunOnce(default);
        })));

        Assert.Equal(string.Join(' ', Enumerable.Range(1, 500)), await ReadEffects());
    }

    [Fact]
    public async Task A_stop_before_the_commit_leaves_no_effects()
    {
        await AddSequenced(5);
        var dispatcher = await Create(new Recorder { Fails = _ => true, Exception = new OperationCanceledException() });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => dispatcher.RunOnce(default));
        Assert.Equal("", await ReadEffects());
        Assert.Equal("0 0 0", await ReadProgress());

        await Drain(await Create(new Recorder()));
        Assert.Equal("1 2 3 4 5", await ReadEffects());
    }

    /// <summary>Waiting events are read after the lock, so that another process cannot add one in between.</summary>
    [Fact]
    public async Task A_cursor_is_locked_before_the_events_are_read()
    {
        await AddSequenced(3);
        var dispatcher = await Create(new Recorder());
        // The third look at the head belongs to the delivery. The first two look for work and for retries.
        await database.Execute(
            """
            create sequence looks;
            alter table platform.sequencer rename to sequencer_row;
            create view platform.sequencer as
            select * from platform.sequencer_row where case when nextval('looks') = 3 then pg_sleep(2) is not null else true end
            """);

        var running = dispatcher.RunOnce(default);
        for (var tries = 0; await database.Scalar<long>("select last_value from looks") < 3; tries++)
        {
            Assert.InRange(tries, 0, 400);
            await Task.Delay(10);
        }

        const string unlocked = "select count(*) from (select 1 from platform.event_cursors for no key update skip locked) free";
        Assert.Equal(0, await database.Scalar<long>(unlocked));
        await running;

        Assert.Equal("1 2 3", await ReadEffects());
    }
}
