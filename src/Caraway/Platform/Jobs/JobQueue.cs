using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;

namespace Caraway.Platform.Jobs;

/// <summary>
/// The statements of <c>platform.jobs</c>. A use case queues a job in its own statement. The job is then
/// <c>queued → running → succeeded | failed</c>, and queued again when an attempt failed or a worker was lost.
/// </summary>
internal static class JobQueue
{
    /// <summary>
    /// The beginning of every statement that queues a job. <c>select</c> with the same columns follows: queue, kind, subject
    /// (<c>module.thing:id</c>), payload as JSON text, the time from which it may run, and now, twice.
    /// </summary>
    public const string Insert = "insert into platform.jobs (queue, kind, subject, payload, run_at, created_at, updated_at)";

    /// <summary>The same job is queued already, and no worker has tried it.</summary>
    public const string OnConflict = "on conflict (kind, subject) where state = 'queued' and attempt = 0";

    internal const string ClaimSql = """
        with due as materialized (
            select id from platform.jobs
            where queue = @queue and state = 'queued' and run_at <= @now
            order by run_at, id limit @take
            for no key update skip locked
        )
        update platform.jobs j
        set state = 'running', attempt = j.attempt + 1, worker = @worker, lease_until = @leaseUntil, updated_at = @now
        from due where j.id = due.id
        returning j.id, j.kind, j.subject, j.payload, j.attempt
        """;

    private const string RenewSql =
        "update platform.jobs set lease_until = @leaseUntil where state = 'running' and worker = @worker and id = any(@ids::bigint[])";

    /// <summary>Ends only jobs that this worker still holds, in this attempt.</summary>
    private const string FinishSql = """
        update platform.jobs j
        set state = case when r.error is null then 'succeeded' else 'failed' end, outcome = r.outcome, error = r.error,
            worker = null, lease_until = null, updated_at = @now
        from unnest(@ids::bigint[], @attempts::integer[], @outcomes::text[], @errors::text[]) r (id, attempt, outcome, error)
        where j.id = r.id and j.attempt = r.attempt and j.worker = @worker and j.state = 'running'
        """;

    private const string RetrySql = """
        update platform.jobs
        set state = case when @runAt::timestamptz is null then 'failed' else 'queued' end, run_at = coalesce(@runAt::timestamptz, run_at),
            error = @sentence, worker = null, lease_until = null, updated_at = @now
        where id = @Id and attempt = @Attempt and worker = @worker and state = 'running'
        """;

    /// <summary>
    /// Does not count the attempt, because the job was not tried to its end. A job of the same kind and subject that was queued meanwhile
    /// must not collide with it.
    /// </summary>
    private const string HandBackSql = """
        update platform.jobs
        set state = 'queued', attempt = attempt - 1, worker = null, lease_until = null, updated_at = @now
        where state = 'running' and worker = @worker and id = any(@ids::bigint[])
            and (attempt > 1 or not exists (
                select from platform.jobs o
                where o.kind = jobs.kind and o.subject = jobs.subject and o.state = 'queued' and o.attempt = 0))
        """;

    internal const string ReturnLostSql = """
        with lost as (
            select id from platform.jobs
            where state = 'running' and lease_until < @now
            order by lease_until limit 1000
            for no key update skip locked
        )
        update platform.jobs j
        set state = 'queued', run_at = @now, worker = null, lease_until = null, updated_at = @now
        from lost where j.id = lost.id
        """;

    private const string CleanSql = """
        delete from platform.jobs where id in (
            select id from platform.jobs
            where state = 'succeeded' and updated_at < @oldest
            order by updated_at limit 1000
            for update skip locked)
        """;

    private const string CountsSql = """
        select queue, state, count(*) as jobs from platform.jobs group by queue, state order by queue, state
        """;

    private const string StatesSql = "select id, state from platform.jobs where id = any(@ids::bigint[])";

    private const string ListSql = """
        select id, kind, subject, attempt, updated_at, error from platform.jobs where state = @state order by id desc limit @limit
        """;

    /// <summary>
    /// Keeps attempt 1, so that the job does not collide with one that was queued meanwhile. All further attempts are open again.
    /// </summary>
    private const string RetryFailedSql = """
        update platform.jobs set state = 'queued', attempt = least(attempt, 1), run_at = @now, updated_at = @now
        where state = 'failed' and (@ids::bigint[] is null or id = any(@ids::bigint[]))
        """;

    /// <summary>Number of jobs, as one series for each queue and state.</summary>
    public static DatabaseGauge JobsGauge { get; } = new()
    {
        Name = "caraway.jobs",
        Description = "Jobs by queue and state: queued, running, succeeded (until they are removed), failed.",
        Unit = "{job}",
        Labels = ["queue", "state"],
        Sql = "select array[queue, state] as labels, count(*)::double precision as value from platform.jobs group by queue, state",
    };

    /// <summary>Delay of the workers, as one series for each queue.</summary>
    public static DatabaseGauge OldestGauge(string[] queues) => new()
    {
        Name = "caraway.jobs.oldest.queued.age",
        Description = "Time since the oldest waiting job was due; 0 when no due job waits.",
        Unit = "s",
        Labels = ["queue"],
        Sql = """
            select array[q.queue] as labels, coalesce(extract(epoch from @now - (
                select min(run_at) from platform.jobs j where j.queue = q.queue and j.state = 'queued' and j.run_at <= @now
            )), 0)::double precision as value
            from unnest(@queues::text[]) q (queue)
            """,
        Values = new { queues },
    };

    /// <summary>Number of jobs of a queue in one state.</summary>
    public sealed record Count(string Queue, string State, long Jobs);

    private sealed record StateRow(long Id, string State);

    /// <summary>A job as an operator sees it.</summary>
    public sealed record Listed(long Id, string Kind, string Subject, int Attempt, DateTime UpdatedAt, string? Error);

    public static Task<List<Count>> Counts(Database database, CancellationToken cancel) => database.List<Count>(CountsSql, null, cancel);

    /// <summary>Jobs of a state, newest first.</summary>
    public static Task<List<Listed>> List(string state, int limit, Database database, CancellationToken cancel) =>
        database.List<Listed>(ListSql, new { state, limit }, cancel);

    /// <summary>The state of each of these jobs that exists.</summary>
    public static async Task<Dictionary<long, string>> StatesOf(long[] ids, Database database, CancellationToken cancel) =>
        (await database.List<StateRow>(StatesSql, new { ids }, cancel)).ToDictionary(row => row.Id, row => row.State);

    /// <summary>Queues failed jobs again; all of them when <paramref name="ids"/> is null.</summary>
    /// <returns>Number of jobs that are queued again.</returns>
    public static Task<int> RetryFailed(long[]? ids, DateTime now, Database database, CancellationToken cancel) =>
        database.Execute(RetryFailedSql, new { ids, now }, cancel);

    /// <summary>Takes the oldest due jobs of a queue for this worker until the lease ends.</summary>
    public static Task<List<Job>> Claim(string queue, int take, Lease lease, Database database, CancellationToken cancel) =>
        database.List<Job>(ClaimSql, new { queue, take, worker = lease.Worker, leaseUntil = lease.Until, now = lease.Now }, cancel);

    public static Task<int> Renew(IReadOnlyCollection<Job> jobs, Lease lease, Database database, CancellationToken cancel) =>
        database.Execute(RenewSql, new { worker = lease.Worker, leaseUntil = lease.Until, ids = Ids(jobs) }, cancel);

    /// <summary>Ends the jobs; call it in the transaction of their effects.</summary>
    /// <returns>
    /// Number of jobs that this worker still held. If it is lower than the number of jobs, undo the transaction, because another worker has
    /// the rest.
    /// </returns>
    public static Task<int> Finish(
        IReadOnlyList<Job> jobs, IReadOnlyList<JobResult> results, Lease lease, Database database, CancellationToken cancel) =>
        database.Execute(
            FinishSql,
            new
            {
                ids = Ids(jobs), attempts = jobs.Select(job => job.Attempt).ToArray(),
                outcomes = results.Select(result => result.Outcome).ToArray(), errors = results.Select(result => result.Error).ToArray(),
                worker = lease.Worker, now = lease.Now,
            },
            cancel);

    /// <summary>Queues a job again after a failed attempt, or parks it.</summary>
    /// <param name="runAt">Time of the next attempt; null parks the job as failed.</param>
    public static Task<int> Retry(
        Job job, string sentence, DateTime? runAt, Lease lease, Database database, CancellationToken cancel) =>
        database.Execute(RetrySql, new { job.Id, job.Attempt, sentence, runAt, worker = lease.Worker, now = lease.Now }, cancel);

    /// <summary>Queues claimed jobs again that a stopping worker did not end.</summary>
    public static Task<int> HandBack(IReadOnlyCollection<Job> jobs, Lease lease, Database database, CancellationToken cancel) =>
        database.Execute(HandBackSql, new { ids = Ids(jobs), worker = lease.Worker, now = lease.Now }, cancel);

    /// <summary>Queues the jobs of lost workers again.</summary>
    public static Task<int> ReturnLost(DateTime now, Database database, CancellationToken cancel) =>
        database.Execute(ReturnLostSql, new { now }, cancel);

    /// <summary>Removes up to a thousand jobs that succeeded before <paramref name="oldest"/>.</summary>
    public static Task<int> Clean(DateTime oldest, Database database, CancellationToken cancel) =>
        database.Execute(CleanSql, new { oldest }, cancel);

    private static long[] Ids(IReadOnlyCollection<Job> jobs) => [.. jobs.Select(job => job.Id)];
}

/// <summary>The worker of a claim, and the time when the claim ends.</summary>
internal readonly record struct Lease(string Worker, DateTime Now, DateTime Until);
