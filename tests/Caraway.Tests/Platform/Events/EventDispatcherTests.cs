using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform.Jobs;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Tests.Platform.Events;

/// <summary>Events in a database of their own, two subjects by turns; effects are rows of a table, so that twice is seen.</summary>
public sealed class EventDispatcherTests(PostgresServer postgres) : IAsyncLifetime
{
    private readonly EventOptions options = new() { Batch = 10, MaxAttempts = 3 };
    private readonly TestClock clock = new();
    private readonly CarawayMetrics metrics = TestMetrics.Create();
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.Create();
        await database.Execute("create table effects (id bigint generated always as identity, position bigint not null, handler text not null)");
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Each_event_is_brought_once_in_its_order()
    {
        await Happen(25);
        await Drain(await Create(new Recorder()));
        Assert.Equal(string.Join(' ', Enumerable.Range(1, 25)), await Effects());
        Assert.Equal("25 0 0", await Progress());

        await Happen(2);
        await Drain(await Create(new Recorder()));
        Assert.Equal(string.Join(' ', Enumerable.Range(1, 27)), await Effects());
    }

    [Fact]
    public async Task Events_that_a_handler_does_not_take_are_passed_over()
    {
        await Happen(3);
        await Happen(12, name: "test.else");
        await Happen(1);
        await Happen(4, name: "test.else");

        await Drain(await Create(new Recorder()));

        Assert.Equal("1 2 3 16", await Effects());
        Assert.Equal("20 0 0", await Progress());
    }

    [Fact]
    public async Task Each_handler_goes_at_its_own_pace()
    {
        await Happen(4);
        var dispatcher = await Create(new Recorder(), new Recorder { Name = "bad", Fails = _ => true });

        await Drain(dispatcher);

        Assert.Equal("1 2 3 4", await Effects());
        Assert.Equal("4 0 0", await Progress());
        Assert.Equal("4 4 0", await Progress("bad"));
    }

    [Fact]
    public async Task Eight_dispatchers_at_once_bring_each_event_once_in_its_order()
    {
        await Happen(500);
        var dispatchers = new List<EventDispatcher>();
        for (var i = 0; i < 8; i++)
            dispatchers.Add(await Create(new Recorder()));

        await Task.WhenAll(dispatchers.Select(dispatcher => Task.Run(async () =>
        {
            while (await database.Scalar<long>("select position from platform.event_cursors") < 500)
                await dispatcher.RunOnce(default);
        })));

        Assert.Equal(string.Join(' ', Enumerable.Range(1, 500)), await Effects());
    }

    [Fact]
    public async Task What_fails_is_tried_again_later_and_only_its_own_subject_waits_behind_it()
    {
        await Happen(6);
        var recorder = new Recorder { Fails = e => e.Position == 1 };
        var dispatcher = await Create(recorder);

        await Drain(dispatcher);
        Assert.Equal("2 4 6", await Effects());
        Assert.Equal("6 3 0", await Progress());

        await Happen(2);
        await Drain(dispatcher);
        Assert.Equal("2 4 6 8", await Effects());
        Assert.Equal("8 4 0", await Progress());

        recorder.Fails = _ => false;
        await Drain(dispatcher);
        Assert.Equal("2 4 6 8", await Effects());

        clock.Pass(TimeSpan.FromSeconds(2));
        await Drain(dispatcher);
        Assert.Equal("2 4 6 8 1 3 5 7", await Effects());
        Assert.Equal("8 0 0", await Progress());
    }

    [Fact]
    public async Task After_its_last_try_it_is_parked_and_those_behind_it_go_on()
    {
        await Happen(5);
        var recorder = new Recorder { Fails = e => e.Position == 1 };
        var dispatcher = await Create(recorder);

        await Drain(dispatcher);
        clock.Pass(TimeSpan.FromSeconds(2));
        await Drain(dispatcher);
        Assert.Equal("5 3 0", await Progress());
        clock.Pass(TimeSpan.FromSeconds(4));
        await Drain(dispatcher);

        Assert.Equal("2 4 3 5", await Effects());
        Assert.Equal("5 0 1", await Progress());
        Assert.Equal(1, await database.Scalar<long>("select count(*) from platform.event_retries where attempt = 3 and error like 'InvalidOperationException on try 3;%'"));

        clock.Pass(TimeSpan.FromDays(1));
        recorder.Fails = _ => false;
        await Drain(dispatcher);
        Assert.Equal("5 0 1", await Progress());
        await using var own = new Database(database.Source);
        Assert.Equal(0, await ReplayEvents.Parked("other", Now, own, default));
        Assert.Equal(1, await ReplayEvents.Parked("test", Now, own, default));
        await Drain(dispatcher);
        Assert.Equal("2 4 3 5 1", await Effects());
        Assert.Equal("5 0 0", await Progress());
    }

    [Fact]
    public async Task A_replay_brings_all_from_there_on_again_with_what_waited()
    {
        await Happen(6);
        var recorder = new Recorder { Fails = e => e.Position is 1 or 4 };
        var dispatcher = await Create(recorder);
        await Drain(dispatcher);
        Assert.Equal("2", await Effects());
        Assert.Equal("6 5 0", await Progress());

        await using (var own = new Database(database.Source))
        {
            Assert.Null(await ReplayEvents.From("other", 1, own, default));
            Assert.Equal(6, await ReplayEvents.From("test", 2, own, default));
        }

        Assert.Equal("1 1 0", await Progress());
        recorder.Fails = _ => false;
        await Drain(dispatcher);
        Assert.Equal("2 2 4 6", await Effects());
        clock.Pass(TimeSpan.FromSeconds(2));
        await Drain(dispatcher);
        Assert.Equal("2 2 4 6 1 3 5", await Effects());
        Assert.Equal("6 0 0", await Progress());

        await using (var own = new Database(database.Source))
            Assert.Equal(6, await ReplayEvents.From("test", 8, own, default));
        Assert.Equal("6 0 0", await Progress());
    }

    [Fact]
    public async Task A_stop_between_the_effects_and_their_commit_leaves_none()
    {
        await Happen(5);
        var dispatcher = await Create(new Recorder { Fails = _ => true, Exception = new OperationCanceledException() });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => dispatcher.RunOnce(default));
        Assert.Equal("", await Effects());
        Assert.Equal("0 0 0", await Progress());

        await Drain(await Create(new Recorder()));
        Assert.Equal("1 2 3 4 5", await Effects());
    }

    [Fact]
    public async Task A_stop_in_a_retry_is_no_try()
    {
        await Happen(1);
        var recorder = new Recorder { Fails = _ => true };
        var dispatcher = await Create(recorder);
        await Drain(dispatcher);
        clock.Pass(TimeSpan.FromSeconds(2));
        recorder.Exception = new OperationCanceledException();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => dispatcher.RunOnce(default));

        Assert.Equal("1 1 0", await Progress());
        Assert.Equal(1, await database.Scalar<int>("select attempt from platform.event_retries"));
        recorder.Fails = _ => false;
        await Drain(dispatcher);
        Assert.Equal("1", await Effects());
    }

    /// <summary>Between the undoing of a try and the note that it failed, another process does the event.</summary>
    [Fact]
    public async Task A_failed_retry_that_another_process_did_meanwhile_is_not_done_again()
    {
        await Happen(1);
        var failing = new Recorder { Fails = _ => true };
        await Drain(await Create(failing));
        clock.Pass(TimeSpan.FromSeconds(2));
        var other = await Create(new Recorder());
        await using var source = Interrupted(() => failing.Failures == 3, () => other.RunOnce(default));

        // Alone in the batch, it failed twice; this is the third.
        await Create(failing, source).RunOnce(default);
        clock.Pass(TimeSpan.FromMinutes(1));
        await Drain(other);

        Assert.Equal("1", await Effects());
    }

    /// <summary>Between the undoing of a batch and the note which event failed, another process does that event.</summary>
    [Fact]
    public async Task An_event_that_did_not_fail_is_not_put_off_for_another_that_did()
    {
        options.MaxAttempts = 1;
        options.Batch = 1;
        await Happen(2);
        var failing = new Recorder { Fails = e => e.Position == 1 };
        var other = await Create(new Recorder());
        await using var source = Interrupted(() => failing.Failures == 2, () => other.RunOnce(default));

        await Create(failing, source).RunOnce(default);
        await Drain(other);

        Assert.Equal("1 2", await Effects());
        Assert.Equal("2 0 0", await Progress());
    }

    /// <summary>What waits is looked at after the cursor is locked, so nothing can be put there meanwhile.</summary>
    [Fact]
    public async Task A_handlers_turn_is_nobody_elses_from_its_first_look_on()
    {
        await Happen(3);
        var dispatcher = await Create(new Recorder());
        // The third look at the head is of the turn in which events are brought; before are those for the work there is and for retries.
        await database.Execute(
            """
            create sequence looks;
            alter table platform.sequencer rename to sequencer_row;
            create view platform.sequencer as select * from platform.sequencer_row where case when nextval('looks') = 3 then pg_sleep(2) is not null else true end
            """);

        var running = dispatcher.RunOnce(default);
        for (var tries = 0; await database.Scalar<long>("select last_value from looks") < 3; tries++)
        {
            Assert.InRange(tries, 0, 400);
            await Task.Delay(10);
        }

        Assert.Equal(0, await database.Scalar<long>("select count(*) from (select 1 from platform.event_cursors for no key update skip locked) free"));
        await running;

        Assert.Equal("1 2 3", await Effects());
    }

    [Fact]
    public async Task An_event_that_takes_too_long_holds_up_no_other()
    {
        await Happen(4);
        var slow = new Recorder { Slow = e => e.Position == 1 };
        await Create(slow);
        await using var source = new NpgsqlDataSourceBuilder(database.Address) { ConnectionStringBuilder = { CommandTimeout = 1 } }.Build();

        await Drain(Create(slow, source));

        Assert.Equal("2 4", await Effects());
        Assert.Equal("4 2 0", await Progress());
    }

    [Fact]
    public async Task Gauges_say_how_far_behind_handlers_are()
    {
        await Happen(5);
        options.MaxAttempts = 1;
        options.Batch = 1;
        var dispatcher = await Create(new Recorder { Fails = e => e.Position == 2 });
        Assert.Equal("test=5", await Read(EventGauges.Lag));
        Assert.Equal("test,parked=0 test,waiting=0", await Read(EventGauges.Retries));

        await dispatcher.RunOnce(default);
        Assert.Equal("test=4", await Read(EventGauges.Lag));
        await Drain(dispatcher);
        options.MaxAttempts = 3;
        await Drain(await Create(new Recorder { Name = "other", Fails = e => e.Position == 1 }));
        Assert.Equal("other=0 test=0", await Read(EventGauges.Lag));
        Assert.Equal("other,parked=0 other,waiting=3 test,parked=1 test,waiting=0", await Read(EventGauges.Retries));
    }

    [Fact]
    public async Task A_gauge_says_how_long_events_wait_for_their_positions()
    {
        Assert.Equal("=0", await Read(EventGauges.UnsequencedAge));
        await Happen(5);
        clock.Pass(TimeSpan.FromHours(1));
        Assert.Equal("=0", await Read(EventGauges.UnsequencedAge));

        await Write(3, "test.happened");
        clock.Pass(TimeSpan.FromSeconds(90));
        await Write(1, "test.happened");
        Assert.Equal("=90", await Read(EventGauges.UnsequencedAge));
        await Sequence();
        Assert.Equal("=0", await Read(EventGauges.UnsequencedAge));
    }

    private DateTime Now => clock.GetUtcNow().UtcDateTime;

    private async Task<EventDispatcher> Create(params IEventHandler[] handlers)
    {
        var dispatcher = new EventDispatcher(handlers, database.Source, Options.Create(options), metrics, clock, NullLogger<EventDispatcher>.Instance);
        await dispatcher.RegisterHandlers(default);
        return dispatcher;
    }

    private EventDispatcher Create(IEventHandler handler, NpgsqlDataSource source) =>
        new([handler], source, Options.Create(options), metrics, clock, NullLogger<EventDispatcher>.Instance);

    /// <summary>Does something once, before the next connection that is opened when it is time.</summary>
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

    /// <summary>Until there is nothing to do at this time.</summary>
    private static async Task Drain(EventDispatcher dispatcher)
    {
        for (var rounds = 0; await dispatcher.RunOnce(default); rounds++)
            Assert.InRange(rounds, 0, 1_000);
    }

    /// <summary>Events with positions: odd ones of one subject, even ones of another.</summary>
    private async Task Happen(int many, string name = "test.happened")
    {
        await Write(many, name);
        await Sequence();
    }

    /// <summary>Of no transaction, so that they get their positions whatever other tests have open.</summary>
    private Task Write(int many, string name) => database.Execute(
        $"""
        insert into platform.events (xid, at, name, subject, actor, payload)
        select '0', '{Now:O}', '{name}', 'test.thing:' || n % 2, 'test', '{"{}"}' from generate_series(1, {many}) n
        """);

    private async Task Sequence()
    {
        using var sequencer = new Sequencer(database.Source, Options.Create(new EventOptions { Batch = 10_000 }), TimeProvider.System, NullLogger<Sequencer>.Instance);
        Assert.Equal(Sequencer.Round.Sequenced, await sequencer.RunOnce(default));
        await sequencer.StopAsync(default);
    }

    /// <summary>The positions in the order in which they were handled.</summary>
    private async Task<string> Effects() => await database.Scalar<string>("select string_agg(position::text, ' ' order by id) from effects where handler = 'test'") ?? "";

    /// <summary>The cursor, and how many wait and are parked.</summary>
    private async Task<string> Progress(string handler = "test")
    {
        await using var own = new Database(database.Source);
        var listed = (await ReplayEvents.List(own, default)).Single(one => one.Handler == handler);
        return $"{listed.Position} {listed.Waiting} {listed.Parked}";
    }

    private async Task<string> Read(DatabaseGauge gauge)
    {
        await using var own = new Database(database.Source);
        var values = new Dapper.DynamicParameters();
        values.Add("now", Now);
        var readings = await own.List<GaugeReading>(gauge.Sql, values, default);
        return string.Join(' ', readings.Select(reading => $"{string.Join(',', reading.Labels)}={reading.Value}").Order(StringComparer.Ordinal));
    }

    /// <summary>Writes a row for each event.</summary>
    private sealed class Recorder : IEventHandler
    {
        public string Name { get; init; } = "test";

        public IReadOnlyList<string> Events { get; } = ["test.happened"];

        public Func<Event, bool> Fails { get; set; } = _ => false;

        /// <summary>Takes longer than a statement may.</summary>
        public Func<Event, bool> Slow { get; init; } = _ => false;

        public Exception Exception { get; set; } = new InvalidOperationException("On purpose.");

        public int Failures { get; private set; }

        public async Task Handle(IReadOnlyList<Event> events, Database database, CancellationToken cancel)
        {
            await database.Execute("insert into effects (position, handler) select unnest(@positions), @Name", new { positions = events.Select(e => e.Position).ToArray(), Name }, cancel);
            if (events.Any(Slow))
                await database.Execute("select pg_sleep(10)", null, cancel);
            if (!events.Any(Fails))
                return;
            Failures++;
            throw Exception;
        }
    }
}
