using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Platform.Jobs;

/// <summary>Runs the workers of every queue in this process, brings back lost workers' jobs, and removes old ones.</summary>
internal sealed partial class JobWorkers(
    IEnumerable<JobQueueDefinition> queues, IEnumerable<IJobHandler> handlers, NpgsqlDataSource source, IOptions<JobOptions> options, JobSignal signal, CarawayMetrics metrics, TimeProvider time, ILogger<JobWorkers> logger)
    : BackgroundService
{
    private static readonly TimeSpan Sweep = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AfterFault = TimeSpan.FromSeconds(1);

    private readonly Dictionary<string, IJobHandler> byKind = handlers.ToDictionary(handler => handler.Kind, StringComparer.Ordinal);

    /// <summary>A worker of the queue, to run by hand.</summary>
    public JobWorker Worker(string queue) => new(queue, byKind, options.Value, new JobWorker.Dependencies { Database = () => new Database(source), Time = time, Metrics = metrics, Logger = logger });

    /// <summary>Brings back lost workers' jobs and removes a thousand old ones.</summary>
    /// <returns>How many jobs were brought back.</returns>
    public async Task<int> SweepOnce(CancellationToken cancel)
    {
        await using var database = new Database(source);
        var now = time.GetUtcNow().UtcDateTime;
        var returned = await JobQueue.ReturnLost(now, database, cancel);
        if (returned > 0)
        {
            metrics.JobsReturned(returned);
            LogReturned(returned);
        }

        await JobQueue.Clean(now.AddDays(-options.Value.KeepDays), database, cancel);
        return returned;
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.Value.Enabled)
            return Task.CompletedTask;
        var loops = new List<Task> { Loop(async () => { await SweepOnce(stoppingToken); return 0; }, () => Task.Delay(Sweep, time, stoppingToken), stoppingToken) };
        foreach (var queue in queues)
        {
            var workers = options.Value.Queues.GetValueOrDefault(queue.Name, options.Value.Concurrency);
            for (var i = 0; i < workers; i++)
            {
                var worker = Worker(queue.Name);
                loops.Add(Loop(() => worker.RunOnce(stoppingToken), () => signal.Wait(queue.Name, TimeSpan.FromMilliseconds(options.Value.PollMilliseconds), stoppingToken), stoppingToken));
            }
        }

        return Task.WhenAll(loops);
    }

    /// <summary>Goes on at once while there is work, and waits when there is none or a round failed.</summary>
    private async Task Loop(Func<Task<int>> once, Func<Task> pause, CancellationToken stopping)
    {
        // Off the start's path: the program answers before the first job is looked for.
        await Task.Yield();
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                if (await once() == 0)
                    await pause();
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // An exception that left here would stop the whole program; the jobs are safe, for nothing of them was committed.
                if (Http.Problems.IsAway(e))
                    LogAway(e);
                else
                    LogRound(e);
                await Task.Delay(AfterFault, time, CancellationToken.None);
            }
        }
    }

    [LoggerMessage(40, LogLevel.Warning, "{Count} jobs of lost workers are queued again.")]
    private partial void LogReturned(int count);

    [LoggerMessage(41, LogLevel.Warning, "The database is away; the workers wait.")]
    private partial void LogAway(Exception exception);

    [LoggerMessage(42, LogLevel.Error, "A round of a worker failed; its jobs return when their lease ends.")]
    private partial void LogRound(Exception exception);
}

/// <summary>A queue that has workers. Each has its own, so that none can hold up another.</summary>
internal sealed record JobQueueDefinition(string Name);

internal static class JobRegistrations
{
    /// <summary>Registers the workers; modules add their queues and handlers.</summary>
    public static void AddJobs(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<JobOptions>().Bind(configuration.GetSection("Jobs")).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<JobSignal>();
        services.AddSingleton<JobWorkers>();
        services.AddHostedService(provider => provider.GetRequiredService<JobWorkers>());
        services.AddSingleton(JobQueue.JobsGauge);
        services.AddSingleton(provider => JobQueue.OldestGauge([.. provider.GetServices<JobQueueDefinition>().Select(queue => queue.Name)]));
    }

    public static IServiceCollection AddJob<THandler>(this IServiceCollection services, string queue)
        where THandler : class, IJobHandler =>
        services.AddSingleton<IJobHandler, THandler>().AddSingleton(new JobQueueDefinition(queue));
}
