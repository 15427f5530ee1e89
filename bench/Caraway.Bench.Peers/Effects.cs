using Npgsql;

namespace Caraway.Bench.Peers;

/// <summary>What the changes and the effects in the database say. PostgreSQL itself tells when each was committed.</summary>
internal sealed class Effects(BenchDatabase database)
{
    /// <summary>Removes the tables of every side and makes ours again.</summary>
    private const string Empty = """
        drop schema if exists peers, hangfire, wolverine, wolverine_queues cascade;
        truncate platform.jobs;
        create schema peers;
        create table peers.changes (job bigint primary key);
        create table peers.effects (job bigint not null);
        """;

    private const string CountSql = "select count(*) from peers.effects";

    private const string RateSql = """
        select count(*) / extract(epoch from max(pg_xact_commit_timestamp(xmin)) - min(pg_xact_commit_timestamp(xmin)))::double precision
        from peers.effects
        """;

    private const string WholeRateSql = """
        select count(e.job) / extract(epoch from
            max(pg_xact_commit_timestamp(e.xmin)) - min(pg_xact_commit_timestamp(c.xmin)))::double precision
        from peers.changes c left join peers.effects e using (job)
        """;

    private const string DelaySql = """
        select percentile_cont(array[0.5, 0.99]) within group (order by
            extract(epoch from pg_xact_commit_timestamp(e.xmin) - pg_xact_commit_timestamp(c.xmin))::double precision * 1000)
        from peers.changes c join peers.effects e using (job)
        """;

    private const string FateSql = """
        select (select count(*) from peers.changes), count(c.job) filter (where e.job is null),
            coalesce(sum(e.times - 1) filter (where e.times > 1), 0)::bigint, count(e.job) filter (where c.job is null)
        from peers.changes c full join (select job, count(*) as times from peers.effects group by job) e using (job)
        """;

    public Task Clear(CancellationToken cancel) => database.Execute(Empty, cancel);

    public Task Settle(CancellationToken cancel) => database.Settle(cancel);

    public async Task<long> Count(CancellationToken cancel) => (long)await Scalar(CountSql, cancel);

    /// <summary>A process of the database.</summary>
    public async Task<int> Backend(CancellationToken cancel) => (int)await Scalar("select pg_backend_pid()", cancel);

    /// <summary>Effects a second, from the first commit of an effect to the last.</summary>
    public async Task<double> Rate(CancellationToken cancel) => (double)await Scalar(RateSql, cancel);

    /// <summary>Effects a second, from the first commit of a change to the last of an effect.</summary>
    public async Task<double> WholeRate(CancellationToken cancel) => (double)await Scalar(WholeRateSql, cancel);

    /// <summary>From the commit of the change to the commit of the effect.</summary>
    public async Task<Delay> Delays(CancellationToken cancel)
    {
        var milliseconds = (double[])await Scalar(DelaySql, cancel);
        return new Delay(milliseconds[0], milliseconds[1]);
    }

    public async Task<Fate> Fates(CancellationToken cancel)
    {
        await using var command = database.Source.CreateCommand(FateSql);
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        return new Fate(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3));
    }

    /// <summary>Waits until as many effects are there.</summary>
    public async Task Wait(long count, CancellationToken cancel)
    {
        var (seen, since) = (-1L, TimeProvider.System.GetTimestamp());
        while (await Count(cancel) is var now && now < count)
        {
            if (now != seen)
                (seen, since) = (now, TimeProvider.System.GetTimestamp());
            if (TimeProvider.System.GetElapsedTime(since) > TimeSpan.FromMinutes(1))
                throw new InvalidOperationException($"{now} of {count} jobs are done, and for a minute none was added.");
            await Task.Delay(50, cancel);
        }
    }

    private async Task<object> Scalar(string sql, CancellationToken cancel)
    {
        await using var command = database.Source.CreateCommand(sql);
        return (await command.ExecuteScalarAsync(cancel))!;
    }
}

internal sealed record Delay(double P50Milliseconds, double P99Milliseconds);

/// <summary>What became of the committed changes.</summary>
/// <param name="Changes">How many there are.</param>
/// <param name="Lost">Changes without an effect.</param>
/// <param name="Doubled">Effects beyond the first of their change.</param>
/// <param name="Invented">Effects of changes that were not committed.</param>
internal sealed record Fate(long Changes, long Lost, long Doubled, long Invented);
