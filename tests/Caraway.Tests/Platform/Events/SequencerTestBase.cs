using Caraway.Platform.Events;
using Caraway.Tests.Infrastructure;
using Dapper;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using static Caraway.Platform.Events.Sequencer;

namespace Caraway.Tests.Platform.Events;

/// <summary>
/// A database and sequencers for tests. Transactions of other tests can hold the horizon of the cluster back for a moment: an expected
/// result is waited for, and an unexpected one is looked for several times.
/// </summary>
public abstract class SequencerTestBase(PostgresServer postgres) : IAsyncLifetime
{
    private const string Insert = """
        insert into platform.events (at, name, subject, actor, payload) values (now(), 'test.happened', @subject, 'test', '{}') returning id
        """;

    /// <summary>With transaction number 0, open transactions of other tests do not delay the events' positions.</summary>
    private const string InsertSettled = """
        insert into platform.events (xid, at, name, subject, actor, payload)
        select '0', now(), 'test.happened', 'test.thing:' || n % 3, 'test', '{}' from generate_series(1, @count) n
        """;

    private protected readonly EventOptions options = new() { Batch = 100, LeaseSeconds = 60, PollMilliseconds = 10, PaceMilliseconds = 0 };
    private protected TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.Create();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    private protected Sequencer Create() =>
        new(database.Source, Options.Create(options), TimeProvider.System, NullLogger<Sequencer>.Instance);

    private protected async Task<NpgsqlConnection> Begin()
    {
        var connection = await database.Source.OpenConnectionAsync();
        await connection.ExecuteAsync("start transaction");
        return connection;
    }

    private protected static Task<long> Write(string subject, NpgsqlConnection connection) =>
        connection.QuerySingleAsync<long>(Insert, new { subject });

    private protected async Task WriteSettled(int count)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await connection.ExecuteAsync(InsertSettled, new { count });
    }

    private protected async Task<long> Write(string subject)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        return await Write(subject, connection);
    }

    private protected async Task SequenceUntil(Sequencer sequencer, long events)
    {
        for (var tries = 0; await database.Scalar<long>("select count(*) from platform.chain") < events; tries++)
        {
            Assert.InRange(tries, 0, 2_000);
            if (await sequencer.RunOnce(default) == Round.Idle)
                await Task.Delay(10);
        }

        Assert.Equal(events, await database.Scalar<long>("select count(*) from platform.chain"));
    }

    private protected async Task AssertStays(Sequencer sequencer, long events)
    {
        for (var i = 0; i < 5; i++)
            await sequencer.RunOnce(default);
        Assert.Equal(events, await database.Scalar<long>("select count(*) from platform.chain"));
    }

    private protected async Task WaitForFinalId(Sequencer sequencer, long id)
    {
        for (var tries = 0; await database.Scalar<long>("select final_id from platform.sequencer") < id; tries++)
        {
            Assert.InRange(tries, 0, 500);
            await sequencer.RunOnce(default);
            await Task.Delay(10);
        }
    }

    private protected static long[] Ids(params long[] ids) => ids;

    private protected Task ExpireLease() =>
        database.Execute("update platform.sequencer set lease_until = clock_timestamp() - interval '1 second'");

    private protected async Task<long[]> ReadChain() =>
        await database.Scalar<long[]>("select array_agg(event_id order by position) from platform.chain") ?? [];

    /// <summary>Checks that each event has one position, without gaps, and that a subject's events are in the order of ids.</summary>
    private protected async Task AssertSound()
    {
        const string unmatched = """
            select count(*) from platform.events e full join platform.chain c on c.event_id = e.id
            where c.event_id is null or e.id is null
            """;
        const string isDense = """
            select min(position) = 1 and max(position) = count(*) and count(distinct event_id) = count(*) from platform.chain
            """;
        const string outOfOrder = """
            select count(*) from (
                select e.id, lag(e.id) over (partition by e.subject order by c.position) as before
                from platform.events e join platform.chain c on c.event_id = e.id
            ) o where before > id
            """;
        const string isEnd = """
            select s.position = c.position and s.hash = c.hash
            from platform.sequencer s, platform.chain c order by c.position desc limit 1
            """;
        Assert.Equal(0, await database.Scalar<long>(unmatched));
        Assert.True(await database.Scalar<bool>(isDense));
        Assert.Equal(0, await database.Scalar<long>(outOfOrder));
        Assert.True(await database.Scalar<bool>(isEnd));
    }
}
