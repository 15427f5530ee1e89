using System.Transactions;
using Hangfire;
using Hangfire.PostgreSql;
using Npgsql;
using IsolationLevel = System.Transactions.IsolationLevel;

namespace Caraway.Bench.Peers;

/// <summary>
/// Hangfire.PostgreSql. A job joins the ambient transaction of its change. The effect has a transaction of its own: Hangfire gives the
/// job no part in the transaction that ends it.
/// </summary>
internal sealed class HangfireSide : ISide
{
    private readonly NpgsqlDataSource source;
    private readonly int workers;
    private PostgreSqlStorage? storage;
    private BackgroundJobClient? client;
    private BackgroundJobServer? server;

    public HangfireSide(string address, int workers)
    {
        this.workers = workers;
        // One pool for the change and for Hangfire: the ambient transaction then stays on one connection.
        source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(address) { Enlist = true });
        HangfireJob.Source = NpgsqlDataSource.Create(address);
    }

    public Task Prepare(CancellationToken cancel)
    {
        storage = new PostgreSqlStorage(new Connections(source), new PostgreSqlStorageOptions
        {
            EnableTransactionScopeEnlistment = true,
            QueuePollInterval = SideOptions.Poll,
            InvisibilityTimeout = SideOptions.Lease,
            UseSlidingInvisibilityTimeout = true,
            // A killed process leaves its locks, and a job waits for them as long as this.
            DistributedLockTimeout = SideOptions.Lease,
        });
        client = new BackgroundJobClient(storage);
        return Task.CompletedTask;
    }

    public async Task Queue(long number, CancellationToken cancel)
    {
        var options = new TransactionOptions { IsolationLevel = IsolationLevel.ReadCommitted };
        using var scope = new TransactionScope(TransactionScopeOption.Required, options, TransactionScopeAsyncFlowOption.Enabled);
        await using (var change = source.CreateCommand("insert into peers.changes (job) values ($1)"))
        {
            change.Parameters.Add(new NpgsqlParameter<long> { TypedValue = number });
            await change.ExecuteNonQueryAsync(cancel);
        }

        client!.Enqueue(() => HangfireJob.Do(number));
        scope.Complete();
    }

    public Task Flush(CancellationToken cancel) => Task.CompletedTask;

    public Task Work(CancellationToken cancel)
    {
        server = new BackgroundJobServer(new BackgroundJobServerOptions { WorkerCount = workers }, storage!);
        return Task.CompletedTask;
    }

    public Task Rest(CancellationToken cancel)
    {
        server?.Dispose();
        server = null;
        return Task.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await Rest(CancellationToken.None);
        await source.DisposeAsync();
        await HangfireJob.Source!.DisposeAsync();
    }

    private sealed class Connections(NpgsqlDataSource source) : IConnectionFactory
    {
        public NpgsqlConnection GetOrCreateConnection() => source.CreateConnection();
    }
}

/// <summary>What Hangfire calls, by name.</summary>
public static class HangfireJob
{
    internal static NpgsqlDataSource? Source { get; set; }

    public static async Task Do(long number)
    {
        await using var effect = Source!.CreateCommand("insert into peers.effects (job) values ($1)");
        effect.Parameters.Add(new NpgsqlParameter<long> { TypedValue = number });
        await effect.ExecuteNonQueryAsync();
    }
}
