using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Platform.Jobs;

/// <summary>Runs the workers of every queue in this process.</summary>
internal sealed partial class JobWorkers(
    IEnumerable<JobQueueDefinition> queues, IEnumerable<IJobHandler> handlers, NpgsqlDataSource source, IOptions<JobOptions> options,
    JobSignal signal, CarawayMetrics metrics, TimeProvider time, ILogger<JobWorkers> logger)
    : BackgroundService
{
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(1);

    private readonly Dictionary<string, IJobHandler> byKind = handlers.ToDictionary(handler => handler.Kind, StringComparer.Ordinal);

    /// <summary>Creates a worker of the queue.</summary>
    public JobWorker Worker(string queue) => new(queue, byKind, options.Value, new JobWorker.Dependencies
    {
        Database = () => new Database(source), Time = time, Metrics = metrics, Logger = logger,
    });

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.Value.Enabled)
            return Task.CompletedTask;
        var workers = queues.SelectMany(
            queue => Enumerable.Range(0, options.Value.Queues.GetValueOrDefault(queue.Name, options.Value.Concurrency)),
            (queue, _) => (queue.Name, Worker: Worker(queue.Name)));
        return Task.WhenAll(workers.Select(
            worker => Repeatedly.Do(stopping => RunRound(worker.Name, worker.Worker, stopping), OnFailure, time, stoppingToken)));
    }

    private async Task<TimeSpan> RunRound(string queue, JobWorker worker, CancellationToken stopping)
    {
        if (await worker.RunOnce(stopping) == 0)
            await signal.Wait(queue, TimeSpan.FromMilliseconds(options.Value.PollMilliseconds), stopping);
        return TimeSpan.Zero;
    }

    private TimeSpan OnFailure(Exception exception)
    {
        if (PostgresErrors.IsAway(exception))
            LogAway(exception);
        else
            LogFailed(exception);
        return PauseAfterFailure;
    }

    [LoggerMessage(41, LogLevel.Warning, "The database cannot be reached; the workers wait.")]
    private partial void LogAway(Exception exception);

    [LoggerMessage(42, LogLevel.Error, "A round of a worker failed. Its jobs return to the queue when their lease ends.")]
    private partial void LogFailed(Exception exception);
}

/// <summary>A queue. Each queue has its own workers, so one queue cannot delay another.</summary>
internal sealed record JobQueueDefinition(string Name);

internal static class JobRegistrations
{
    /// <summary>Registers the workers. Modules add their queues and handlers.</summary>
    public static void AddJobs(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<JobOptions>().Bind(configuration.GetSection("Jobs")).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<JobSignal>();
        services.AddSingleton<JobWorkers>();
        services.AddHostedService(provider => provider.GetRequiredService<JobWorkers>());
        services.AddHostedService<JobSweep>();
        services.AddSingleton(JobQueue.JobsGauge);
        services.AddSingleton(provider =>
            JobQueue.OldestGauge([.. provider.GetServices<JobQueueDefinition>().Select(queue => queue.Name)]));
    }

    public static IServiceCollection AddJob<THandler>(this IServiceCollection services, string queue)
        where THandler : class, IJobHandler =>
        services.AddSingleton<IJobHandler, THandler>().AddSingleton(new JobQueueDefinition(queue));
}
