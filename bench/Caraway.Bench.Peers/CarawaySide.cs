using System.Globalization;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;
using Npgsql;

namespace Caraway.Bench.Peers;

/// <summary>Our own queue, with the registrations of the product. The effect is in the transaction that ends the jobs.</summary>
internal sealed class CarawaySide(string address, SideOptions options) : ISide
{
    private const string QueueName = "peers";

    private const string QueueSql = """
        with change as (insert into peers.changes (job) values (@number))
        insert into platform.jobs (queue, kind, subject, payload, run_at, created_at, updated_at)
        values ('peers', 'peers', @subject, @payload, @now, @now, @now)
        """;

    private readonly NpgsqlDataSource source = NpgsqlDataSource.Create(address);
    private readonly JobSignal signal = new();
    private IHost? host;

    public Task Prepare(CancellationToken cancel) => Task.CompletedTask;

    public async Task Queue(long number, CancellationToken cancel)
    {
        var text = number.ToString(CultureInfo.InvariantCulture);
        await using var database = new Database(source);
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        await database.Execute(QueueSql, new { number, subject = "peers.job:" + text, payload = $$"""{"number":{{text}}}""", now }, cancel);
        signal.Queued(QueueName);
    }

    public Task Flush(CancellationToken cancel) => Task.CompletedTask;

    public async Task Work(CancellationToken cancel)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration["Jobs:Concurrency"] = options.Workers.ToString(CultureInfo.InvariantCulture);
        builder.Configuration["Jobs:Batch"] = options.Batch.ToString(CultureInfo.InvariantCulture);
        builder.Configuration["Jobs:LeaseSeconds"] = SideOptions.Lease.TotalSeconds.ToString(CultureInfo.InvariantCulture);
        builder.Configuration["Jobs:PollMilliseconds"] = SideOptions.Poll.TotalMilliseconds.ToString(CultureInfo.InvariantCulture);
        builder.Logging.SetMinimumLevel(LogLevel.Warning).AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.AddMetrics().AddSingleton(TimeProvider.System).AddSingleton(source).AddSingleton<CarawayMetrics>();
        builder.Services.AddJobs(builder.Configuration);
        builder.Services.AddSingleton(signal);
        builder.Services.AddJob<InsertEffects>(QueueName);
        host = builder.Build();
        await host.StartAsync(cancel);
    }

    public async Task Rest(CancellationToken cancel)
    {
        if (host is null)
            return;
        await host.StopAsync(cancel);
        host.Dispose();
        host = null;
    }

    public async ValueTask DisposeAsync()
    {
        await Rest(CancellationToken.None);
        await source.DisposeAsync();
    }

    private sealed class InsertEffects : IJobHandler
    {
        public string Kind => "peers";

        public async Task<IReadOnlyList<JobResult>> Handle(IReadOnlyList<Job> jobs, Database database, CancellationToken cancel)
        {
            await database.Execute(
                "insert into peers.effects (job) select unnest(@numbers::bigint[])",
                new { numbers = jobs.Select(job => job.Number("number")).ToArray() },
                cancel);
            return [.. jobs.Select(_ => JobResult.Succeeded)];
        }
    }
}
