namespace Caraway.Platform.Analytics;

/// <summary>
/// Exact percentiles of durations without a look at all of them: a histogram by day tells in which bucket a rank lies, and an index tells
/// the value inside the bucket. docs/adr/0024-analytics-from-a-rollup.md.
/// </summary>
internal static class Percentiles
{
    /// <summary>
    /// The common table expressions that end with <c>figures (word, value)</c>: <c>count</c>, and <c>median</c> and <c>p90</c> in
    /// microseconds when there is a duration. They use <c>@from</c> and <c>@to</c>.
    /// </summary>
    /// <param name="histogram">A table <c>(bucket, day, cases)</c>.</param>
    /// <param name="counted">A table <c>(bucket, took, …)</c> with an index over these two and the day.</param>
    /// <param name="day">The day in <paramref name="counted"/> by which the durations are selected.</param>
    public static string Select(string histogram, string counted, string day) => $"""
        buckets as materialized (
            select bucket, sum(cases) as cases, sum(sum(cases)) over (order by bucket) - sum(cases) as before,
                sum(sum(cases)) over () as total
            from {histogram} where day between @from and @to
            group by bucket having sum(cases) > 0
        ), ranks as (
            select p.word, p.part * (t.total - 1) as exact, floor(p.part * (t.total - 1)) as below, ceil(p.part * (t.total - 1)) as above
            from (select distinct total from buckets) t
            cross join (values ('median', 0.5), ('p90', 0.9)) p (word, part)
        ), places as (
            select r.word, b.bucket, (min(n.rank) - min(b.before))::bigint as skip, (max(n.rank) - min(n.rank))::bigint + 1 as take
            from ranks r
            cross join lateral (values (r.below), (r.above)) n (rank)
            join buckets b on n.rank >= b.before and n.rank < b.before + b.cases
            group by r.word, b.bucket
        ), found as (
            select p.word, min(v.took) as lower, max(v.took) as upper
            from places p
            cross join lateral (
                select c.took from {counted} c
                where c.bucket = p.bucket and c.{day} between @from and @to
                order by c.took offset p.skip limit p.take
            ) v
            group by p.word
        ), figures as (
            select 'count' as word, coalesce(sum(cases), 0) as value from buckets
            union all
            select r.word, round(f.lower + (f.upper - f.lower) * (r.exact - r.below)) from found f join ranks r on r.word = f.word
        )
        """;
}
