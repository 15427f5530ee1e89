using Caraway.Platform.Audit;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform.Events;
using Caraway.Tests.Platform.Jobs;
using Npgsql;

namespace Caraway.Tests.Platform.Audit;

/// <summary>The access log's writer and a batch number that is already in use.</summary>
public sealed class AccessLogWriterTests(PostgresServer postgres) : IAsyncLifetime
{
    private const string Numbers = "select string_agg((id >> 16) || ':' || ids::text, ' ' order by id) from platform.access_log";

    private readonly TestClock clock = new();
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.Create();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    /// <summary>This can happen after a partial restore. Callers choose the request ids, so equal ids prove nothing.</summary>
    [Fact]
    public async Task A_batch_keeps_its_records_when_another_batch_has_its_number_and_request_id()
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

    /// <summary>The batch was committed, but the answer was lost.</summary>
    [Fact]
    public async Task A_repeated_batch_is_written_once()
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

    private static void Add(TestAccessLog accesses, long id) =>
        Assert.Null(accesses.Add(TestEventLog.Reader(1), new AccessedRecords { Kind = "advocacy.case", Ids = [id] }));
}
