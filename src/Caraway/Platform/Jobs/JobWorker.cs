using System.Globalization;
using System.Security.Cryptography;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;

namespace Caraway.Platform.Jobs;

/// <summary>
/// One worker of one queue. It claims a batch of jobs, renews its lease while it works, and ends the jobs in the transaction of their
/// effects. If the worker is lost at any moment, the jobs are either done with their effects, or undone and queued again when the lease
/// ends.
/// </summary>
internal sealed partial class JobWorker(
    string queue, IReadOnlyDictionary<string, IJobHandler> handlers, JobOptions options, JobWorker.Dependencies dependencies)
{
    private readonly ILogger logger = dependencies.Logger;
    private readonly string name = string.Create(
        CultureInfo.InvariantCulture,
        $"{Environment.MachineName}:{Environment.ProcessId}:{RandomNumberGenerator.GetHexString(8, lowercase: true)}");

    /// <summary>Services that a worker needs.</summary>
    internal sealed record Dependencies
    {
        public required Func<Database> Database { get; init; }

        public required TimeProvider Time { get; init; }

        public required CarawayMetrics Metrics { get; init; }

        public required ILogger Logger { get; init; }
    }

    /// <summary>Claims a batch of jobs and does them.</summary>
    /// <returns>Number of claimed jobs; 0 when no job is due.</returns>
    public async Task<int> RunOnce(CancellationToken stopping)
    {
        stopping.ThrowIfCancellationRequested();
        var began = dependencies.Time.GetTimestamp();
        var jobs = await Claim(stopping);
        if (jobs.Count == 0)
            return 0;

        using var renewing = new CancellationTokenSource();
        var renewals = Renew(jobs, renewing.Token);
        try
        {
            foreach (var group in jobs.GroupBy(job => job.Kind, StringComparer.Ordinal))
            {
                foreach (var part in group.Chunk(handlers.TryGetValue(group.Key, out var handler) ? handler.Most : 1))
                {
                    stopping.ThrowIfCancellationRequested();
                    await Process([.. part], stopping);
                }
            }
        }
        catch (OperationCanceledException)
        {
            await HandBack(jobs);
            throw;
        }
        finally
        {
            await renewing.CancelAsync();
            await renewals;
        }

        dependencies.Metrics.JobBatchWorked(queue, dependencies.Time.GetElapsedTime(began));
        return jobs.Count;
    }

    private async Task<List<Job>> Claim(CancellationToken cancel)
    {
        await using var database = dependencies.Database();
        await database.Begin(cancel);
        var jobs = await JobQueue.Claim(queue, options.Batch, Lease(), database, cancel);
        foreach (var group in jobs.GroupBy(job => job.Kind, StringComparer.Ordinal))
        {
            if (handlers.TryGetValue(group.Key, out var handler))
                await handler.Begin([.. group], database, cancel);
        }

        await database.Commit();
        return jobs;
    }

    /// <summary>Does jobs of one kind; they are retried or parked when they fail.</summary>
    private async Task Process(List<Job> jobs, CancellationToken stopping)
    {
        if (!handlers.TryGetValue(jobs[0].Kind, out var handler))
        {
            foreach (var job in jobs)
                await RetryOrPark(job, "This program does not know this kind of job.", null, stopping);
            return;
        }

        // A job may be the reason why its workers are lost.
        foreach (var lost in jobs.Where(job => job.Attempt > options.MaxAttempts).ToList())
        {
            jobs.Remove(lost);
            await RetryOrPark(lost, "Its workers were lost on every attempt.", handler, stopping);
        }

        if (jobs.Count == 0)
            return;
        try
        {
            await Do(jobs, handler, stopping);
        }
        catch (Exception e) when (jobs.Count > 1 && e is not OperationCanceledException)
        {
            LogAlone(e, jobs.Count, queue);
            foreach (var job in jobs)
                await Process([job], stopping);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            var job = jobs[0];
            LogFailed(e, job.Id, job.Kind, job.Attempt);
            var sentence = FormattableString.Invariant($"Processing failed on attempt {job.Attempt}; the log of job {job.Id} says why.");
            await RetryOrPark(job, sentence, handler, stopping);
        }
    }

    private async Task Do(List<Job> jobs, IJobHandler handler, CancellationToken stopping)
    {
        await using var database = dependencies.Database();
        await database.Begin(stopping);
        var results = await handler.Handle(jobs, database, stopping);
        if (results.Count != jobs.Count)
            throw new InvalidOperationException($"The handler of {handler.Kind} returned {results.Count} results for {jobs.Count} jobs.");
        var finished = await JobQueue.Finish(jobs, results, Lease(), database, stopping);
        if (finished == jobs.Count)
        {
            await database.Commit();
            var failed = results.Count(result => result.Error is not null);
            dependencies.Metrics.JobsSucceeded(queue, jobs.Count - failed);
            dependencies.Metrics.JobsFailed(queue, failed);
        }
        else if (jobs.Count > 1)
            throw new InvalidOperationException("A lease was lost; each job is now tried alone.");
        else
            LogLost(jobs[0].Id);
    }

    private async Task RetryOrPark(Job job, string sentence, IJobHandler? handler, CancellationToken cancel)
    {
        var isLast = job.Attempt >= options.MaxAttempts;
        var lease = Lease();
        await using var database = dependencies.Database();
        await database.Begin(cancel);
        var chance = RandomNumberGenerator.GetInt32(1000) / 1000.0;
        DateTime? runAt = isLast ? null : lease.Now + Backoff.Delay(job.Attempt, chance);
        var changed = await JobQueue.Retry(job, sentence, runAt, lease, database, cancel);
        if (changed == 1 && isLast && handler is not null)
            await handler.Park(job, sentence, database, cancel);
        await database.Commit();
        if (changed == 1 && isLast)
            dependencies.Metrics.JobsFailed(queue, 1);
        else if (changed == 1)
            dependencies.Metrics.JobRetried(queue);
    }

    /// <summary>At a stop, queues jobs again that were not ended, so that they do not wait for the lease to end.</summary>
    private async Task HandBack(IReadOnlyCollection<Job> jobs)
    {
        await using var database = dependencies.Database();
        await JobQueue.HandBack(jobs, Lease(), database, CancellationToken.None);
    }

    private async Task Renew(IReadOnlyCollection<Job> jobs, CancellationToken finished)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(options.LeaseSeconds) / 3, dependencies.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(finished))
            {
                await using var database = dependencies.Database();
                await JobQueue.Renew(jobs, Lease(), database, finished);
            }
        }
        catch (OperationCanceledException)
        {
            // The jobs have ended, so the lease is not needed any more.
        }
        catch (Exception e) when (PostgresErrors.IsAway(e))
        {
            LogNotRenewed(e, queue);
        }
    }

    private Lease Lease()
    {
        var now = dependencies.Time.GetUtcNow().UtcDateTime;
        return new Lease(name, now, now.AddSeconds(options.LeaseSeconds));
    }

    [LoggerMessage(30, LogLevel.Warning, "A batch of {Count} jobs of queue {Queue} failed; each job is now tried alone.")]
    private partial void LogAlone(Exception exception, int count, string queue);

    [LoggerMessage(31, LogLevel.Warning, "Job {Id} ({Kind}) failed on attempt {Attempt}.")]
    private partial void LogFailed(Exception exception, long id, string kind, int attempt);

    [LoggerMessage(32, LogLevel.Information, "Job {Id} went to another worker before it ended here; its effects here were undone.")]
    private partial void LogLost(long id);

    [LoggerMessage(33, LogLevel.Warning, "A lease of queue {Queue} was not renewed; its jobs are queued again when it ends.")]
    private partial void LogNotRenewed(Exception exception, string queue);
}
