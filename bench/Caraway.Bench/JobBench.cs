using System.Diagnostics;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Caraway.Bench;

/// <summary>Jobs per second with two workers, compared with SQL loops over the same table.</summary>
internal sealed class JobBench(BenchDatabase database, int jobs)
{
    public const string Queue = "bench";

    private const int Workers = 2;

    /// <summary>
    /// The least possible work: one statement claims a job, does it and ends it. A crash loses nothing, but leases, fencing and retries are
    /// missing.
    /// </summary>
    private const string OneStatement = """
        with due as materialized (
            select id, (payload::json->>'thing')::bigint as thing from platform.jobs
            where queue = 'bench' and state = 'queued' and run_at <= now() order by run_at, id limit 50 for no key update skip locked
        ), worked as (
            update bench_things t set changes = changes + 1 from due where t.id = due.thing
        )
        update platform.jobs j set state = 'succeeded', updated_at = now() from due where j.id = due.id
        """;

    private const string ClaimOnly = """
        with due as materialized (
            select id from platform.jobs
            where queue = 'bench' and state = 'queued' and run_at <= now() order by run_at, id limit 50 for no key update skip locked
        )
        update platform.jobs j set state = 'running', attempt = 1, updated_at = now() from due where j.id = due.id
        returning j.id, (j.payload::json->>'thing')::bigint
        """;

    private const string WorkAndEnd = """
        with worked as (update bench_things set changes = changes + 1 where id = any($2))
        update platform.jobs set state = 'succeeded', updated_at = now() where id = any($1)
        """;

    public async Task<IReadOnlyList<JobFigure>> Run(CancellationToken cancel) =>
    [
        await Measure("caraway, empty jobs", () => Product(Queue, new Nothing(), cancel), cancel),
        await Measure("caraway, one row changed each", () => Product(Queue, new OneRow(), cancel), cancel),
        await Measure("bare SQL: claim, then change and end (two commits a batch)", () => Loops(TwoCommits, cancel), cancel),
        await Measure("bare SQL: claim, change and end in one statement", () => Loops(OneCommit, cancel), cancel),
    ];

    private string Things => $$"""
        drop table if exists bench_things;
        create table bench_things (id bigint primary key, changes integer not null) with (fillfactor = 70);
        insert into bench_things select n, 0 from generate_series(1, {{jobs}}) n;
        insert into platform.jobs (queue, kind, subject, payload, run_at, created_at, updated_at)
        select 'bench', 'bench', 'bench.thing:' || n, '{"thing":' || n || '}', now(), now(), now() from generate_series(1, {{jobs}}) n;
        """;

    public Task<JobFigure> Measure(string name, Func<Task> work, CancellationToken cancel) =>
        Measure(name, Things, work, "select count(*) from platform.jobs where state = 'succeeded'", cancel);

    /// <param name="fill">The SQL that queues the jobs.</param>
    /// <param name="outcome">The SQL that counts the effects; it must count one for each job.</param>
    public async Task<JobFigure> Measure(string name, string fill, Func<Task> work, string outcome, CancellationToken cancel)
    {
        var rates = new List<double>();
        for (var run = 0; run < 3; run++)
        {
            await database.Execute("truncate platform.jobs; truncate platform.events cascade;" + fill, cancel);
            await database.Settle(cancel);
            var clock = Stopwatch.StartNew();
            await work();
            rates.Add(jobs / clock.Elapsed.TotalSeconds);
            await using var done = database.Source.CreateCommand(outcome);
            if (await done.ExecuteScalarAsync(cancel) is not long count || count != jobs)
                throw new InvalidOperationException($"{name} did not do every job; the figure would be wrong.");
        }

        return new JobFigure(name, Median.Calculate(rates));
    }

    public async Task Product(string queue, IJobHandler handler, CancellationToken cancel)
    {
        using var provider = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var metrics = new CarawayMetrics(provider.GetRequiredService<System.Diagnostics.Metrics.IMeterFactory>(), [], TimeProvider.System);
        var handlers = new Dictionary<string, IJobHandler>(StringComparer.Ordinal) { [handler.Kind] = handler };
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(async _ =>
        {
            var worker = new JobWorker(queue, handlers, new JobOptions(), new JobWorker.Dependencies
            {
                Database = () => new Database(database.Source), Time = TimeProvider.System, Metrics = metrics, Logger = NullLogger.Instance,
            });
            while (await worker.RunOnce(cancel) > 0)
            {
                // The next batch.
            }
        }));
    }

    private Task Loops(Func<NpgsqlConnection, CancellationToken, Task<int>> once, CancellationToken cancel) =>
        Task.WhenAll(Enumerable.Range(0, Workers).Select(async _ =>
        {
            await using var connection = await database.Source.OpenConnectionAsync(cancel);
            while (await once(connection, cancel) > 0)
            {
                // The next batch.
            }
        }));

    private static async Task<int> OneCommit(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(OneStatement, connection);
        return await command.ExecuteNonQueryAsync(cancel);
    }

    private static async Task<int> TwoCommits(NpgsqlConnection connection, CancellationToken cancel)
    {
        var (ids, things) = (new List<long>(), new List<long>());
        await using (var claim = new NpgsqlCommand(ClaimOnly, connection))
        await using (var reader = await claim.ExecuteReaderAsync(cancel))
        {
            while (await reader.ReadAsync(cancel))
            {
                ids.Add(reader.GetInt64(0));
                things.Add(reader.GetInt64(1));
            }
        }

        if (ids.Count == 0)
            return 0;
        await using var end = new NpgsqlCommand(WorkAndEnd, connection)
        {
            Parameters = { new() { Value = ids.ToArray() }, new() { Value = things.ToArray() } },
        };
        await end.ExecuteNonQueryAsync(cancel);
        return ids.Count;
    }

    internal sealed class Nothing : IJobHandler
    {
        public string Kind => "bench";

        public Task<IReadOnlyList<JobResult>> Handle(IReadOnlyList<Job> jobs, Database database, CancellationToken cancel) =>
            Task.FromResult<IReadOnlyList<JobResult>>([.. jobs.Select(_ => JobResult.Succeeded)]);
    }

    private sealed class OneRow : IJobHandler
    {
        public string Kind => "bench";

        public async Task<IReadOnlyList<JobResult>> Handle(IReadOnlyList<Job> jobs, Database database, CancellationToken cancel)
        {
            const string sql = "update bench_things set changes = changes + 1 where id = any(@ids::bigint[])";
            await database.Execute(sql, new { ids = jobs.Select(job => job.Number("thing")).ToArray() }, cancel);
            return [.. jobs.Select(_ => JobResult.Succeeded)];
        }
    }
}

/// <summary>The median of three runs.</summary>
internal sealed record JobFigure(string Name, double JobsPerSecond);

internal static class Median
{
    public static double Calculate(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[sorted.Count / 2 - 1] + sorted[sorted.Count / 2]) / 2;
    }
}
