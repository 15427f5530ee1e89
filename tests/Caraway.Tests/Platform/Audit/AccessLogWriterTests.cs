using Caraway.Platform.Audit;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform.Events;
using Caraway.Tests.Platform.Jobs;
using Npgsql;

namespace Caraway.Tests.Platform.Audit;

/// <summary>What the access log's writer makes of a number that is taken.</summary>
public sealed class AccessLogWriterTests(PostgresServer postgres) : IAsyncLifetime
{
    private const string Numbers = "select string_agg((id >> 16) || ':' || ids::text, ' ' order by id) from platform.access_log";

    private readonly TestClock clock = new();
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.Create();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    /// <summary>As after a restore in parts. Requests' ids are the callers' own, so the same one says nothing.</summary>
    [Fact]
    public async Task Another_batch_with_the_number_and_the_same_requests_id_costs_no_record()
    {
        using var accesses = new TestAccessLog(database, clock);
        Add(accesses, 1);
        Assert.Equal(1, await accesses.WriteOnce(default));
        await database.Execute("select setval('platform.access_batch_ids', 1, false)");
        Add(accesses, 2);
        Add(accesses, 3);

        await Assert.ThrowsAsync<PostgresException>(() => accesses.WriteOnce(default));
        Assert.Equal(2, await accesses.WriteOnce(default));

        Assert.Equal("1:{1} 2:{2} 2:{3}", await database.Scalar<string>(Numbers));
    }

    /// <summary>The commit came, its answer did not: the same batch is not written twice.</summary>
    [Fact]
    public async Task The_same_batch_again_is_written_once()
    {
        foreach (var _ in Enumerable.Range(0, 2))
        {
            using var accesses = new TestAccessLog(database, clock);
            Add(accesses, 1);
            Add(accesses, 2);
            await database.Execute("select setval('platform.access_batch_ids', 1, false)");

            Assert.Equal(2, await accesses.WriteOnce(default));
        }

        Assert.Equal("1:{1} 1:{2}", await database.Scalar<string>(Numbers));
    }

    private static void Add(TestAccessLog accesses, long id) => Assert.Null(accesses.Add(TestEventLog.Reader(1), new AccessedRecords { Kind = "advocacy.case", Ids = [id] }));
}
