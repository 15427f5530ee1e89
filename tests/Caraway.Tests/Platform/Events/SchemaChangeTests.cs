using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform.Audit;
using Caraway.Tests.Platform.Jobs;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Caraway.Tests.Platform.Events;

/// <summary>The event log and its handlers while migrations change the schema under a running program.</summary>
public sealed class SchemaChangeTests(PostgresServer postgres) : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.Create();
        await database.Execute("create table effects (position bigint primary key)");
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task A_running_dispatcher_delivers_every_event_again_after_migrations_down_and_up()
    {
        var dispatcher = Create(new Writer());
        await TestEventLog.Add(database, 5);
        await TestEventLog.Sequence(database);
        await Drain(dispatcher);
        Assert.Equal(5, await database.Scalar<long>("select count(*) from effects"));
        await database.Execute("truncate effects");

        await MigrateDownAndUp(5);
        await TestEventLog.Sequence(database);
        await Drain(dispatcher);

        Assert.Equal(5, await database.Scalar<long>("select count(*) from effects"));
        await using var own = new Database(database.Source);
        var listed = Assert.Single(await ReplayEvents.List(own, default));
        Assert.Equal(("test", 5, 0), (listed.Handler, listed.Position, listed.Behind));
    }

    [Fact]
    public async Task A_running_sequencer_continues_after_migrations_down_and_up()
    {
        using var sequencer = new Sequencer(
            database.Source, Options.Create(new EventOptions { LeaseSeconds = 60 }), TimeProvider.System, NullLogger<Sequencer>.Instance);
        await TestEventLog.Add(database, 5);
        await SequenceAll(sequencer);

        await MigrateDownAndUp(5);
        await TestEventLog.Add(database, 5);
        await SequenceAll(sequencer);

        var found = await TestEventLog.Verify(database);
        Assert.Empty(found.Problems);
        Assert.Equal((10, 0), (found.Entries, found.Unsealed));
        await sequencer.StopAsync(default);
    }

    /// <summary>The fence starts at 0 in the new table, so another process can have the number of this one.</summary>
    [Fact]
    public async Task A_sequencer_with_the_fence_of_the_new_holder_writes_nothing()
    {
        var options = Options.Create(new EventOptions { LeaseSeconds = 60 });
        using var old = new Sequencer(database.Source, options, TimeProvider.System, NullLogger<Sequencer>.Instance);
        using var other = new Sequencer(database.Source, options, TimeProvider.System, NullLogger<Sequencer>.Instance);
        await TestEventLog.Add(database, 5);
        await SequenceAll(old);
        await MigrateDownAndUp(5);
        await SequenceAll(other);
        Assert.Equal(1, await database.Scalar<long>("select fence from platform.sequencer"));

        await TestEventLog.Add(database, 1);

        Assert.Equal(Sequencer.Round.NotMine, await old.RunOnce(default));
        Assert.Equal(5, await database.Scalar<long>("select count(*) from platform.chain"));
        await other.StopAsync(default);
    }

    [Fact]
    public async Task Migrations_down_and_up_leave_a_chain_that_verifies()
    {
        await TestEventLog.Fill(database);

        await MigrateDownAndUp(5);
        await TestEventLog.Sequence(database);

        var found = await TestEventLog.Verify(database);
        Assert.Empty(found.Problems);
        Assert.Equal((TestEventLog.Events - 2, 0), (found.Entries, found.AccessRecords));

        using var accesses = new TestAccessLog(database);
        accesses.Add(TestEventLog.Reader(1), new AccessedRecords { Kind = "advocacy.case", Ids = [1] });
        await accesses.WriteOnce(default);
        await TestEventLog.Sequence(database);
        found = await TestEventLog.Verify(database);
        Assert.Empty(found.Problems);
        Assert.Equal(1, found.AccessRecords);
    }

    [Fact]
    public async Task Events_wait_while_a_migration_of_the_program_is_taken_back()
    {
        var dispatcher = Create(new Writer());
        await TestEventLog.Add(database, 5);
        await TestEventLog.Sequence(database);
        await database.Execute(
            """
            alter table effects rename to effects_away;
            create table kept as select * from platform.migrations where number = 8;
            delete from platform.migrations where number = 8
            """);

        for (var round = 0; round < 20; round++)
        {
            Assert.False(await dispatcher.RunOnce(default));
            clock.Pass(TimeSpan.FromMinutes(10));
        }

        Assert.Equal(0, await database.Scalar<long>("select position from platform.event_cursors"));
        Assert.Equal(0, await database.Scalar<long>("select count(*) from platform.event_retries"));
        await database.Execute("alter table effects_away rename to effects; insert into platform.migrations select * from kept");
        await Drain(dispatcher);
        Assert.Equal(5, await database.Scalar<long>("select count(*) from effects"));
    }

    [Fact]
    public async Task A_handler_that_waits_for_its_tables_does_not_delay_another_handler()
    {
        var dispatcher = Create(new Writer { Name = "a", Table = "effects_of_a" }, new Writer { Name = "b" });
        await TestEventLog.Add(database, 5);
        await TestEventLog.Sequence(database);
        await database.Execute("delete from platform.migrations where number = 8");

        await Drain(dispatcher);

        const string cursors = "select string_agg(handler || ' ' || position, ', ' order by handler) from platform.event_cursors";
        Assert.Equal("a 0, b 5", await database.Scalar<string>(cursors));
    }

    [Fact]
    public async Task A_missing_table_is_the_fault_of_the_event_when_the_schema_fits()
    {
        var dispatcher = Create(new Writer());
        await TestEventLog.Add(database, 1);
        await TestEventLog.Sequence(database);
        await database.Execute("drop table effects");

        await Drain(dispatcher);

        const string failed = """
            select count(*) from platform.event_retries where attempt = 1 and error like 'PostgresException on attempt 1;%'
            """;
        Assert.Equal(1, await database.Scalar<long>(failed));
    }

    private EventDispatcher Create(params IEventHandler[] handlers) => new(
        handlers, database.Source, Options.Create(new EventOptions { Batch = 10 }), TestMetrics.Create(), clock,
        NullLogger<EventDispatcher>.Instance);

    private async Task MigrateDownAndUp(int target)
    {
        var migrator = new Migrator(database.Source, Migrator.Embedded);
        await migrator.Down(target, default);
        await migrator.Up(DateTimeOffset.UnixEpoch, default);
    }

    /// <summary>Runs until the dispatcher finds no more work at this time.</summary>
    private static async Task Drain(EventDispatcher dispatcher)
    {
        for (var rounds = 0; await dispatcher.RunOnce(default); rounds++)
            Assert.InRange(rounds, 0, 1_000);
    }

    /// <summary>Runs until every event has its position.</summary>
    private async Task SequenceAll(Sequencer sequencer)
    {
        const string waits = """
            select exists (select from platform.events e where not exists (select from platform.chain c where c.event_id = e.id))
            """;
        for (var tries = 0; await database.Scalar<bool>(waits); tries++)
        {
            Assert.InRange(tries, 0, 1_000);
            if (await sequencer.RunOnce(default) == Sequencer.Round.Idle)
                await Task.Delay(10);
        }
    }

    /// <summary>Writes a row for each event into a table that a test takes away.</summary>
    private sealed class Writer : IEventHandler
    {
        public string Name { get; init; } = "test";

        public string Table { get; init; } = "effects";

        public IReadOnlyList<string> Events { get; } = ["test.happened"];

        public Task Handle(IReadOnlyList<Event> events, Database database, CancellationToken cancel) => database.Execute(
            $"insert into {Table} select unnest(@positions) on conflict do nothing",
            new { positions = events.Select(e => e.Position).ToArray() }, cancel);
    }
}
