using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform.Jobs;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Tests.Platform.Events;

/// <summary>Events of two subjects in turn, and handlers whose effects are rows of a table, so that a second delivery is visible.</summary>
public abstract class DispatcherTestBase(PostgresServer postgres) : IAsyncLifetime
{
    private protected readonly EventOptions options = new() { Batch = 10, MaxAttempts = 3 };
    private protected readonly TestClock clock = new();
    private protected readonly CarawayMetrics metrics = TestMetrics.Create();
    private protected TestDatabase database = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.Create();
        await database.Execute(
            "create table effects (id bigint generated always as identity, position bigint not null, handler text not null)");
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    private protected DateTime Now => clock.GetUtcNow().UtcDateTime;

    private protected async Task<EventDispatcher> Create(params IEventHandler[] handlers)
    {
        var dispatcher = new EventDispatcher(
            handlers, database.Source, Options.Create(options), metrics, clock, NullLogger<EventDispatcher>.Instance);
        await dispatcher.RegisterHandlers(default);
        return dispatcher;
    }

    private protected EventDispatcher Create(IEventHandler handler, NpgsqlDataSource source) =>
        new([handler], source, Options.Create(options), metrics, clock, NullLogger<EventDispatcher>.Instance);

    /// <summary>Runs until the dispatcher finds no more work at this time.</summary>
    private protected static async Task Drain(EventDispatcher dispatcher)
    {
        for (var rounds = 0; await dispatcher.RunOnce(default); rounds++)
            Assert.InRange(rounds, 0, 1_000);
    }

    /// <summary>Adds events with positions: odd positions belong to one subject, even positions to another.</summary>
    private protected async Task AddSequenced(int count, string name = "test.happened")
    {
        await Add(count, name);
        await Sequence();
    }

    /// <summary>Adds events with transaction number 0, so that open transactions of other tests do not delay their positions.</summary>
    private protected Task Add(int count, string name) => database.Execute(
        $"""
        insert into platform.events (xid, at, name, subject, actor, payload)
        select '0', '{Now:O}', '{name}', 'test.thing:' || n % 2, 'test', '{"{}"}' from generate_series(1, {count}) n
        """);

    private protected async Task Sequence()
    {
        using var sequencer = new Sequencer(
            database.Source, Options.Create(new EventOptions { Batch = 10_000 }), TimeProvider.System, NullLogger<Sequencer>.Instance);
        Assert.Equal(Sequencer.Round.Sequenced, await sequencer.RunOnce(default));
        await sequencer.StopAsync(default);
    }

    /// <summary>The handled positions, in the order of their handling.</summary>
    private protected async Task<string> ReadEffects() =>
        await database.Scalar<string>("select string_agg(position::text, ' ' order by id) from effects where handler = 'test'") ?? "";

    /// <summary>The cursor, the number of waiting and the number of parked events.</summary>
    private protected async Task<string> ReadProgress(string handler = "test")
    {
        await using var own = new Database(database.Source);
        var listed = (await ReplayEvents.List(own, default)).Single(one => one.Handler == handler);
        return $"{listed.Position} {listed.Waiting} {listed.Parked}";
    }

    /// <summary>Writes a row for each event.</summary>
    private protected sealed class Recorder : IEventHandler
    {
        public string Name { get; init; } = "test";

        public IReadOnlyList<string> Events { get; } = ["test.happened"];

        public Func<Event, bool> Fails { get; set; } = _ => false;

        /// <summary>Events for which the handler runs longer than a statement may.</summary>
        public Func<Event, bool> Slow { get; init; } = _ => false;

        public Exception Exception { get; set; } = new InvalidOperationException("On purpose.");

        public int Failures { get; private set; }

        public async Task Handle(IReadOnlyList<Event> events, Database database, CancellationToken cancel)
        {
            await database.Execute(
                "insert into effects (position, handler) select unnest(@positions), @Name",
                new { positions = events.Select(e => e.Position).ToArray(), Name }, cancel);
            if (events.Any(Slow))
                await database.Execute("select pg_sleep(10)", null, cancel);
            if (!events.Any(Fails))
                return;
            Failures++;
            throw Exception;
        }
    }
}
