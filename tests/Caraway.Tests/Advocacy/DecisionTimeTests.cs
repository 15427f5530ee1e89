using Caraway.Advocacy;
using Caraway.Platform.Analytics;
using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

/// <summary>The percentiles that the histogram and the index give are those of all durations.</summary>
public sealed class DecisionTimeTests(PostgresServer postgres) : IAsyncLifetime
{
    private TestDatabase planted = null!;

    public async ValueTask InitializeAsync() => planted = await postgres.Create();

    public ValueTask DisposeAsync() => planted.DisposeAsync();

    [Theory]
    [InlineData(1, 1_000_000_000_000)]
    [InlineData(2, 1_000_000_000_000)]
    [InlineData(11, 1_000_000_000_000)]
    [InlineData(400, 1_000_000_000_000)]
    [InlineData(400, 3_000_000_000)]
    [InlineData(401, 1_000_000)]
    [InlineData(60, 3)]
    public async Task The_median_and_the_90th_percentile_are_exact(int cases, long longest)
    {
        var random = new Random(cases);
        var month = new DateTime(2010, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddDays(cases + Math.Log10(longest) * 50);
        var times = new List<string>();
        for (var i = 0; i < cases; i++)
        {
            var took = (long)Math.Pow(longest, random.NextDouble());
            var decided = month.AddDays(random.Next(30));
            times.Add($"('{decided.AddMicroseconds(-took):O}'::timestamptz, '{decided:O}'::timestamptz)");
        }

        var first = await planted.Scalar<long>("select coalesce(max(id), 0) from advocacy.cases");
        await planted.Execute($"""
            with t as materialized (
                select nextval('advocacy.cases_id_seq') as id, v.* from (values {string.Join(',', times)}) v (opened, decided)),
            a as (insert into advocacy.applicants (full_name, created_at) values ('Ada', now()) returning id),
            c as (
                insert into advocacy.cases (id, applicant_id, narrative, current_status, created_at, updated_at) overriding system value
                select t.id, a.id, 'n', 'DENIED', opened, decided from t, a)
            insert into advocacy.status_events (case_id, to_status, actor, created_at) select id, 'DENIED', 'test', decided from t
            """);
        var ids = Enumerable.Range((int)first + 1, cases);
        await using var database = new Database(planted.Source);
        var events = ids.Select(id => new Event(1, 1, "case.moved", $"advocacy.case:{id}", DateTime.UnixEpoch, "test", null));
        await new WhenCaseChanged().Handle([.. events], database, default);

        foreach (var (from, days) in new[] { (0, 30), (3, 1), (5, 12), (29, 1) })
        {
            var (start, end) = (DateOnly.FromDateTime(month).AddDays(from), DateOnly.FromDateTime(month).AddDays(from + days - 1));
            var tally = new Tally(await database.List<Tally.Row>(AnalyzeCases.Select, new { from = start, to = end }, default));
            var exact = await planted.Scalar<double[]>($"""
                select array[count(*), coalesce(percentile_cont(0.5) within group (order by took), 0),
                    coalesce(percentile_cont(0.9) within group (order by took), 0)]
                from advocacy.case_facts where took is not null and decided_on between '{start:yyyy-MM-dd}' and '{end:yyyy-MM-dd}'
                """);
            var figures = tally.Durations();
            Assert.Equal(exact![0], figures.Count);
            Assert.Equal(figures.Count == 0, figures.Median is null);
            // Between two values the figures are rounded to the microsecond.
            Assert.Equal(exact[1], (figures.Median ?? 0) * 1e6, 0.51);
            Assert.Equal(exact[2], (figures.P90 ?? 0) * 1e6, 0.51);
        }
    }

    [Fact]
    public async Task A_longer_duration_never_has_a_lower_bucket() =>
        Assert.Equal(
            "0 87 t",
            await planted.Scalar<string>(
                """
                select concat_ws(' ', min(bucket), max(bucket), bool_and(bucket between before and before + 1)) from (
                    select platform.duration_bucket(took) as bucket,
                        lag(platform.duration_bucket(took), 1, 0) over (order by took) as before
                    from (select (1.001 ^ n)::bigint as took from generate_series(0, 36000) n) t) b
                """));
}
