using System.Collections.Concurrent;
using Caraway.Platform.Hosting;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Caraway.Tests.Platform.Jobs;

/// <summary>Each test has its own queue and database. An effect is a row of a table, so a repeated effect is visible.</summary>
public sealed class JobWorkerTests(PostgresServer postgres) : IAsyncLifetime
{
    private readonly JobOptions options = new() { LeaseSeconds = 30, Batch = 10, MaxAttempts = 3 };
    private readonly TestClock clock = new();
    private readonly CarawayMetrics metrics = TestMetrics.Create();
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.Create();
        await database.Execute("create table effects (job text not null, worker text not null)");
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task A_job_is_done_once_with_its_effect()
    {
        await Queue(25);
        var worker = Worker(new Recorder());

        var claims = new List<int>();
        for (var run = 0; run < 4; run++)
            claims.Add(await worker.RunOnce(default));

        Assert.Equal([10, 10, 5, 0], claims);
        Assert.Equal("succeeded 25", await States());
        Assert.Equal("25 25", await Effects());
    }

    [Fact]
    public async Task Eight_concurrent_workers_do_each_job_once()
    {
        await Queue(500);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(async n =>
        {
            var worker = Worker(new Recorder { Name = $"worker {n}" });
            while (await worker.RunOnce(default) > 0)
                await Task.Yield();
        }));

        Assert.Equal("succeeded 500", await States());
        Assert.Equal("500 500", await Effects());
    }

    [Fact]
    public async Task A_failing_job_does_not_hold_up_others_and_is_parked_after_its_last_attempt()
    {
        await Queue(5);
        var recorder = new Recorder { Fails = job => job.Subject == "test.thing:3" };
        var worker = Worker(recorder);

        await worker.RunOnce(default);
        Assert.Equal("queued 1, succeeded 4", await States());
        Assert.Equal(0, await worker.RunOnce(default));

        clock.Pass(TimeSpan.FromSeconds(2));
        Assert.Equal(1, await worker.RunOnce(default));
        Assert.Equal(0, await worker.RunOnce(default));
        clock.Pass(TimeSpan.FromSeconds(4));
        Assert.Equal(1, await worker.RunOnce(default));

        Assert.Equal("failed 1, succeeded 4", await States());
        Assert.Equal("4 4", await Effects());
        Assert.Equal(["test.thing:3"], recorder.Parked);
        Assert.Equal(3, await database.Scalar<int>(
            "select attempt from platform.jobs where state = 'failed' and error like 'Processing failed on attempt 3%'"));
    }

    [Fact]
    public async Task A_job_that_cannot_be_done_fails_at_once()
    {
        await Queue(1);
        await Worker(new Recorder { Result = JobResult.Failed("It is gone.") }).RunOnce(default);
        var error = await database.Scalar<string>("select error from platform.jobs where state = 'failed' and attempt = 1");
        Assert.Equal("It is gone.", error);
    }

    [Fact]
    public async Task A_job_of_a_lost_worker_is_queued_again_and_the_late_effects_are_undone()
    {
        await Queue(1);
        var slow = new Recorder { Name = "slow", Pause = new TaskCompletionSource() };
        var late = Worker(slow).RunOnce(default);
        await slow.Began.Task;
        // The renewals of a lost worker stop; this test ends the lease by hand.
        await database.Execute("update platform.jobs set lease_until = lease_until - interval '1 hour'");
        await using (var own = new Database(database.Source))
            Assert.Equal(1, await JobQueue.ReturnLost(clock.GetUtcNow().UtcDateTime, own, default));

        Assert.Equal(1, await Worker(new Recorder { Name = "quick" }).RunOnce(default));
        slow.Pause.SetResult();
        await late;

        Assert.Equal("succeeded 1", await States());
        Assert.Equal("quick", await database.Scalar<string>("select string_agg(worker, ',') from effects"));
        Assert.Equal(2, await database.Scalar<int>("select attempt from platform.jobs"));
    }

    [Fact]
    public async Task A_job_whose_workers_are_lost_on_every_attempt_is_parked()
    {
        await Queue(1);
        await database.Execute("update platform.jobs set attempt = 3");
        var recorder = new Recorder();

        await Worker(recorder).RunOnce(default);

        Assert.Equal("failed 1", await States());
        Assert.Equal("0 0", await Effects());
        Assert.Equal(["test.thing:1"], recorder.Parked);
    }

    [Fact]
    public async Task A_worker_renews_its_lease_while_it_works()
    {
        await Queue(1);
        options.LeaseSeconds = 1;
        var slow = new Recorder { Pause = new TaskCompletionSource() };
        var working = new JobWorker("test", Handlers(slow), options, Dependencies(TimeProvider.System)).RunOnce(default);
        await slow.Began.Task;
        var first = await database.Scalar<DateTime>("select lease_until from platform.jobs");

        for (var tries = 0; await database.Scalar<DateTime>("select lease_until from platform.jobs") == first; tries++)
        {
            Assert.InRange(tries, 0, 100);
            await Task.Delay(50);
        }

        slow.Pause.SetResult();
        await working;
        Assert.Equal("succeeded 1", await States());
    }

    [Fact]
    public async Task A_stopping_worker_hands_back_its_jobs()
    {
        await Queue(2);
        await database.Execute("update platform.jobs set kind = 'other' where subject = 'test.thing:2'");
        using var stopping = new CancellationTokenSource();
        var recorder = new Recorder { Pause = new TaskCompletionSource() };
        var handlers = new Dictionary<string, IJobHandler>(StringComparer.Ordinal)
        {
            ["test"] = recorder, ["other"] = new Recorder { Kind = "other" },
        };
        var working = new JobWorker("test", handlers, options, Dependencies(clock)).RunOnce(stopping.Token);
        await recorder.Began.Task;

        await stopping.CancelAsync();
        recorder.Pause.SetResult();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => working);

        Assert.Equal("queued 2", await States());
        Assert.Equal(2, await database.Scalar<long>(
            "select count(*) from platform.jobs where attempt = 0 and worker is null and lease_until is null"));
        Assert.Equal("0 0", await Effects());
        Assert.Equal(2, await Worker(new Recorder()).RunOnce(default));
    }

    [Fact]
    public async Task A_job_of_an_unknown_kind_waits_for_a_program_that_knows_it()
    {
        await Queue(1);
        await database.Execute("update platform.jobs set kind = 'tomorrow'");

        await Worker(new Recorder()).RunOnce(default);

        var error = await database.Scalar<string>("select error from platform.jobs where state = 'queued' and attempt = 1");
        Assert.Equal("This program does not know this kind of job.", error);
    }

    [Fact]
    public async Task A_failed_round_does_not_end_the_worker()
    {
        await Queue(1);
        options.PollMilliseconds = 10;
        var broken = new Recorder { BeginFails = true };
        using var workers = new JobWorkers(
            [new JobQueueDefinition("test")], [broken], database.Source, Options.Create(options), new JobSignal(), metrics,
            TimeProvider.System, NullLogger<JobWorkers>.Instance);

        await workers.StartAsync(default);
        for (var tries = 0; broken.Begun < 3; tries++)
        {
            Assert.InRange(tries, 0, 400);
            await Task.Delay(25);
        }

        Assert.False(workers.ExecuteTask!.IsCompleted);
        await workers.StopAsync(default);
        Assert.True(workers.ExecuteTask.IsCompletedSuccessfully);
        Assert.Equal("queued 1", await States());
    }

    [Theory]
    [InlineData(1, 0.5, 1)]
    [InlineData(2, 0.5, 2)]
    [InlineData(5, 0.5, 16)]
    [InlineData(5, 0, 12)]
    [InlineData(5, 1, 20)]
    [InlineData(100, 0.5, 600)]
    public void The_delay_doubles_with_each_attempt_and_varies_by_a_quarter(int attempt, double chance, double seconds) =>
        Assert.Equal(seconds, Backoff.Delay(attempt, chance).TotalSeconds, 3);

    private JobWorker Worker(Recorder handler) => new("test", Handlers(handler), options, Dependencies(clock));

    private static Dictionary<string, IJobHandler> Handlers(Recorder handler) => new(StringComparer.Ordinal) { [handler.Kind] = handler };

    private JobWorker.Dependencies Dependencies(TimeProvider time) =>
        new() { Database = () => new Database(database.Source), Time = time, Metrics = metrics, Logger = NullLogger.Instance };

    private Task Queue(int jobs) => database.Execute(
        $"""
        insert into platform.jobs (queue, kind, subject, payload, run_at, created_at, updated_at)
        select 'test', 'test', 'test.thing:' || n, '[]', '2026-01-01', '2026-01-01', '2026-01-01' from generate_series(1, {jobs}) n
        """);

    private async Task<string> States() => await database.Scalar<string>("""
        select string_agg(state || ' ' || n, ', ' order by state) from (select state, count(*) n from platform.jobs group by state) s
        """) ?? "";

    /// <summary>Number of effects, and number of jobs that have an effect.</summary>
    private async Task<string> Effects() =>
        await database.Scalar<string>("select count(*) || ' ' || count(distinct job) from effects") ?? "";

    /// <summary>Writes a row for each job.</summary>
    private sealed class Recorder : IJobHandler
    {
        public string Kind { get; init; } = "test";

        public string Name { get; init; } = "worker";

        public Func<Job, bool> Fails { get; init; } = _ => false;

        public JobResult Result { get; init; } = JobResult.Succeeded;

        /// <summary>The handler waits for this after its writes; null does not wait.</summary>
        public TaskCompletionSource? Pause { get; init; }

        public TaskCompletionSource Began { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ConcurrentQueue<string> Parked { get; } = new();

        public bool BeginFails { get; init; }

        public int Begun { get; private set; }

        public Task Begin(IReadOnlyList<Job> jobs, Database database, CancellationToken cancel)
        {
            Begun++;
            return BeginFails ? throw new InvalidOperationException("On purpose.") : Task.CompletedTask;
        }

        public async Task<IReadOnlyList<JobResult>> Handle(IReadOnlyList<Job> jobs, Database database, CancellationToken cancel)
        {
            var subjects = jobs.Select(job => job.Subject).ToArray();
            await database.Execute("insert into effects select unnest(@subjects::text[]), @Name", new { subjects, Name }, cancel);
            Began.TrySetResult();
            if (Pause is not null)
                await Pause.Task;
            if (jobs.Any(Fails))
                throw new InvalidOperationException("On purpose.");
            return [.. jobs.Select(_ => Result)];
        }

        public Task Park(Job job, string sentence, Database database, CancellationToken cancel)
        {
            Parked.Enqueue(job.Subject);
            return Task.CompletedTask;
        }
    }
}

/// <summary>A clock that moves only when a test moves it.</summary>
internal sealed class TestClock : TimeProvider
{
    private DateTimeOffset now = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);

    public void Pass(TimeSpan time) => now += time;

    public override DateTimeOffset GetUtcNow() => now;
}
