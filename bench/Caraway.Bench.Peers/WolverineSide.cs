using JasperFx;
using Npgsql;
using Wolverine;
using Wolverine.Postgresql;
using Wolverine.RDBMS;
using Wolverine.Runtime;
using Wolverine.Runtime.Batching;

namespace Caraway.Bench.Peers;

/// <summary>Wolverine's PostgreSQL queue with outbox and durable inbox.</summary>
/// <param name="handler">One of the handlers below.</param>
internal sealed class WolverineSide(string address, SideOptions side, Type handler) : ISide
{
    private const string QueueName = "peers";

    private readonly NpgsqlDataSource source = NpgsqlDataSource.Create(address);
    private IHost? host;
    private IWolverineRuntime? runtime;
    private IMessageDatabase? database;

    public Task Prepare(CancellationToken cancel) => Start(works: false, cancel);

    public async Task Queue(long number, CancellationToken cancel)
    {
        var context = new MessageContext(runtime!);
        await using (var connection = await source.OpenConnectionAsync(cancel))
        await using (var transaction = await connection.BeginTransactionAsync(cancel))
        {
            await using var change = new NpgsqlCommand("insert into peers.changes (job) values ($1)", connection, transaction);
            change.Parameters.Add(new NpgsqlParameter<long> { TypedValue = number });
            await change.ExecuteNonQueryAsync(cancel);
            await context.EnlistInOutboxAsync(new DatabaseEnvelopeTransaction(database!, transaction));
            await context.PublishAsync(new InsertEffect(number));
            await transaction.CommitAsync(cancel);
        }

        await context.FlushOutgoingMessagesAsync();
    }

    public async Task Flush(CancellationToken cancel)
    {
        await using var waiting = source.CreateCommand("select exists (select from wolverine.wolverine_outgoing_envelopes)");
        while (await waiting.ExecuteScalarAsync(cancel) is true)
            await Task.Delay(20, cancel);
    }

    public Task Work(CancellationToken cancel) => Restart(works: true, cancel);

    public Task Rest(CancellationToken cancel) => Restart(works: false, cancel);

    public async ValueTask DisposeAsync()
    {
        await Stop(CancellationToken.None);
        await source.DisposeAsync();
    }

    private async Task Restart(bool works, CancellationToken cancel)
    {
        await Stop(cancel);
        await Start(works, cancel);
    }

    private async Task Stop(CancellationToken cancel)
    {
        if (host is null)
            return;
        await host.StopAsync(cancel);
        host.Dispose();
        host = null;
    }

    private async Task Start(bool works, CancellationToken cancel)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.SetMinimumLevel(LogLevel.Warning).AddConsole(options => options.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.UseWolverine(options => Configure(options, works));
        builder.Services.AddSingleton(source);
        host = builder.Build();
        await host.StartAsync(cancel);
        runtime = host.Services.GetRequiredService<IWolverineRuntime>();
        database = (IMessageDatabase)runtime.Storage;
    }

    private void Configure(WolverineOptions options, bool works)
    {
        options.UseRuntimeCompilation();
        options.ApplicationAssembly = typeof(WolverineSide).Assembly;
        options.UsePostgresqlPersistenceAndTransport(address, "wolverine", "wolverine_queues")
            .AutoProvision()
            .EnableQueueNotifications();
        options.AutoBuildMessageStorageOnStartup = AutoCreate.CreateOrUpdate;
        options.Durability.ScheduledJobPollingTime = SideOptions.Poll;
        options.Durability.StaleNodeTimeout = SideOptions.Lease;
        options.Durability.HealthCheckPollingTime = SideOptions.Lease / 5;
        options.Durability.FirstHealthCheckExecution = TimeSpan.FromMilliseconds(100);
        options.Durability.NodeReassignmentPollingTime = SideOptions.Lease / 5;
        options.Durability.OrphanedMessageSweepPollingTime = SideOptions.Lease / 5;
        options.Discovery.DisableConventionalDiscovery().IncludeType(handler);
        options.PublishMessage<InsertEffect>().ToPostgresqlQueue(QueueName).UseDurableOutbox();
        if (!works)
            return;
        options.ListenToPostgresqlQueue(QueueName)
            .MaximumMessagesToReceive(20 * side.Batch)
            .PollingInterval(TimeSpan.FromMilliseconds(10))
            .MaximumParallelMessages(side.Workers)
            .UseDurableInbox();
        if (handler == typeof(InsertEffectsHandler))
        {
            options.BatchMessagesOf<InsertEffect>(batching =>
            {
                batching.BatchSize = side.Batch;
                batching.TriggerTime = TimeSpan.FromMilliseconds(5);
            }).MaximumParallelMessages(side.Workers);
        }
    }
}

/// <summary>A job.</summary>
public sealed record InsertEffect(long Number);

/// <summary>
/// The effect is in the transaction that marks the message in the inbox as handled. Wolverine's integration of EF Core does the same;
/// for plain Npgsql the handler itself must call the message store.
/// </summary>
public static class InsertEffectHandler
{
    /// <summary>Wolverine removes what it handled after five minutes.</summary>
    internal static DateTimeOffset KeepUntil => TimeProvider.System.GetUtcNow().AddMinutes(5);

    public static async Task Handle(
        InsertEffect job, Envelope envelope, IWolverineRuntime runtime, NpgsqlDataSource source, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var effect = new NpgsqlCommand("insert into peers.effects (job) values ($1)", connection, transaction);
        effect.Parameters.Add(new NpgsqlParameter<long> { TypedValue = job.Number });
        await effect.ExecuteNonQueryAsync(cancel);
        var store = (IMessageDatabase)runtime.Storage;
        await store.MarkIncomingEnvelopeAsHandledInTransactionAsync(connection, transaction, envelope, KeepUntil, cancel);
        await transaction.CommitAsync(cancel);
        envelope.Status = EnvelopeStatus.Handled;
    }
}

/// <summary>The effect is committed, and Wolverine marks the message as handled afterwards.</summary>
public static class InsertEffectFirstHandler
{
    public static async Task Handle(InsertEffect job, NpgsqlDataSource source, CancellationToken cancel)
    {
        await using var effect = source.CreateCommand("insert into peers.effects (job) values ($1)");
        effect.Parameters.Add(new NpgsqlParameter<long> { TypedValue = job.Number });
        await effect.ExecuteNonQueryAsync(cancel);
    }
}

/// <summary>
/// A batch of jobs in one transaction with their marks. Wolverine has no call that marks a batch as handled in a caller's transaction, so
/// this is a statement over its table.
/// </summary>
public static class InsertEffectsHandler
{
    private const string Mark =
        "update wolverine.wolverine_incoming_envelopes set status = 'Handled', keep_until = $2 where id = any($1)";

    public static async Task Handle(InsertEffect[] jobs, IBatchContext batch, NpgsqlDataSource source, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var both = new NpgsqlBatch(connection, transaction)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand("insert into peers.effects (job) select unnest($1)")
                {
                    Parameters = { new() { Value = jobs.Select(job => job.Number).ToArray() } },
                },
                new NpgsqlBatchCommand(Mark)
                {
                    Parameters =
                    {
                        new() { Value = batch.Members.Select(member => member.MessageId).ToArray() },
                        new() { Value = InsertEffectHandler.KeepUntil },
                    },
                },
            },
        };
        await both.ExecuteNonQueryAsync(cancel);
        await transaction.CommitAsync(cancel);
    }
}
