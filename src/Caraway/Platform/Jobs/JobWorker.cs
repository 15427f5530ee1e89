using System.Globalization;
using System.Security.Cryptography;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;

namespace Caraway.Platform.Jobs;

/// <summary>
/// One worker of one queue: claims a batch, renews its lease while it works, and ends the batch together with its effects. A loss at any
/// moment leaves either the jobs done with their effects, or neither and a lease that ends.
/// </summary>
internal sealed partial class JobWorker(string queue, IReadOnlyDictionary<string, IJobHandler> handlers, JobOptions options, JobWorker.Dependencies surroundings)
{
    private readonly ILogger logger = surroundings.Logger;
    private readonly string name = string.Create(CultureInfo.InvariantCulture, $"{Environment.MachineName}:{Environment.ProcessId}:{RandomNumberGenerator.GetHexString(8, lowercase: true)}");

    /// <summary>What a worker stands on.</summary>
    internal sealed record Dependencies
    {
        public required Func<Database> Database { get; init; }

        public required TimeProvider Time { get; init; }

        public required CarawayMetrics Metrics { get; init; }

        public required ILogger Logger { get; init; }
    }

    /// <summary>Claims a batch and does it.</summary>
    /// <returns>How many jobs were claimed; 0 when there is nothing to do now.</returns>
    public async Task<int> RunOnce(CancellationToken stopping)
    {
        stopping.ThrowIfCancellationRequested();
        var began = surroundings.Time.GetTimestamp();
        var jobs = await Claim(stopping);
        if (jobs.Count == 0)
            return 0;

        using var renewing = new CancellationTokenSource();
        var renewals = Renew(jobs, renewing.Token);
        try
        {
            foreach (var group in jobs.GroupBy(job => job.Kind, StringComparer.Ordinal))
            {
                stopping.ThrowIfCancellationRequested();
                await Work([.. group], stopping);
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

        surroundings.Metrics.JobBatchWorked(queue, surroundings.Time.GetElapsedTime(began));
        return jobs.Count;
    }

    private async Task<List<Job>> Claim(CancellationToken cancel)
    {
        await using var database = surroundings.Database();
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

    private async Task Work(List<Job> jobs, CancellationToken stopping)
    {
        if (!handlers.TryGetValue(jobs[0].Kind, out var handler))
        {
            foreach (var job in jobs)
                await Again(job, "This program does not know this kind of job.", null, stopping);
            return;
        }

        // A job whose workers are lost each time may be what kills them.
        foreach (var lost in jobs.Where(job => job.Attempt > options.MaxAttempts).ToList())
        {
            jobs.Remove(lost);
            await Again(lost, "Its workers were lost on every attempt.", handler, stopping);
        }

        if (jobs.Count == 0)
            return;
        try
        {
            await Do(jobs, handler, stopping);
        }
        catch (Exception e) when (jobs.Count > 1 && e is not OperationCanceledException)
        {
            LogAlone(e, queue, jobs.Count);
            foreach (var job in jobs)
                await Work([job], stopping);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogFailed(e, jobs[0].Id, jobs[0].Kind, jobs[0].Attempt);
            await Again(jobs[0], $"Processing failed on attempt {jobs[0].Attempt.ToString(CultureInfo.InvariantCulture)}; the log of job {jobs[0].Id.ToString(CultureInfo.InvariantCulture)} says why.", handler, stopping);
        }
    }

    private async Task Do(List<Job> jobs, IJobHandler handler, CancellationToken stopping)
    {
        await using var database = surroundings.Database();
        await database.Begin(stopping);
        var results = await handler.Handle(jobs, database, stopping);
        if (results.Count != jobs.Count)
            throw new InvalidOperationException($"The handler of {handler.Kind} gave {results.Count} results for {jobs.Count} jobs.");
        var finished = await JobQueue.Finish(jobs, results, Lease(), database, stopping);
        if (finished == jobs.Count)
        {
            await database.Commit();
            var failed = results.Count(result => result.Error is not null);
            surroundings.Metrics.JobsSucceeded(queue, jobs.Count - failed);
            surroundings.Metrics.JobsFailed(queue, failed);
        }
        else if (jobs.Count > 1)
            throw new InvalidOperationException("A lease was lost; each job is now tried alone.");
        else
            LogLost(jobs[0].Id);
    }

    private async Task Again(Job job, string sentence, IJobHandler? handler, CancellationToken cancel)
    {
        var isLast = job.Attempt >= options.MaxAttempts;
        var lease = Lease();
        await using var database = surroundings.Database();
        await database.Begin(cancel);
        var chance = RandomNumberGenerator.GetInt32(1000) / 1000.0;
        var changed = await JobQueue.Retry(job, sentence, isLast ? null : lease.Now + Backoff.Delay(job.Attempt, chance), lease, database, cancel);
        if (changed == 1 && isLast && handler is not null)
            await handler.Park(job, sentence, database, cancel);
        await database.Commit();
        if (changed == 1 && isLast)
            surroundings.Metrics.JobsFailed(queue, 1);
        else if (changed == 1)
            surroundings.Metrics.JobRetried(queue);
    }

    /// <summary>At a stop: what was not ended is queued again at once, and does not wait for the lease.</summary>
    private async Task HandBack(IReadOnlyCollection<Job> jobs)
    {
        await using var database = surroundings.Database();
        await JobQueue.HandBack(jobs, Lease(), database, CancellationToken.None);
    }

    private async Task Renew(IReadOnlyCollection<Job> jobs, CancellationToken finished)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(options.LeaseSeconds) / 3, surroundings.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(finished))
            {
                await using var database = surroundings.Database();
                await JobQueue.Renew(jobs, Lease(), database, finished);
            }
        }
        catch (OperationCanceledException)
        {
            // The work is done, and needs no lease any more.
        }
        catch (Exception e) when (PostgresErrors.IsAway(e))
        {
            LogNotRenewed(e, queue);
        }
    }

    private Lease Lease()
    {
        var now = surroundings.Time.GetUtcNow().UtcDateTime;
        return new Lease(name, now, now.AddSeconds(options.LeaseSeconds));
    }

    [LoggerMessage(30, LogLevel.Warning, "{Count} jobs of queue {Queue} failed together; each is now tried alone.")]
    private partial void LogAlone(Exception exception, string queue, int count);

    [LoggerMessage(31, LogLevel.Warning, "Job {Id} ({Kind}) failed on attempt {Attempt}.")]
    private partial void LogFailed(Exception exception, long id, string kind, int attempt);

    [LoggerMessage(32, LogLevel.Information, "Job {Id} was another worker's by the time that it was done; nothing of it was kept here.")]
    private partial void LogLost(long id);

    [LoggerMessage(33, LogLevel.Warning, "A lease of queue {Queue} was not renewed; its jobs return when it ends.")]
    private partial void LogNotRenewed(Exception exception, string queue);
}
