using System.Diagnostics;
using System.Globalization;
using Caraway.Advocacy;
using Caraway.Platform.Analytics;
using Caraway.Platform.Postgres;
using Caraway.Tests.Infrastructure;
using Dapper;

namespace Caraway.Tests.Advocacy;

/// <summary>The figures about a million cases of ten years. docs/query-plans.md has the results.</summary>
[Trait("Category", "Long")]
public sealed class AnalyticsPlanTests(MillionDecisions million, ITestOutputHelper output) : IClassFixture<MillionDecisions>
{
    /// <summary>Milliseconds that an answer may take.</summary>
    private const double Longest = 300;

    [Theory]
    [InlineData("analytics of one day", 1)]
    [InlineData("analytics of 30 days", 30)]
    [InlineData("analytics of a year", 365)]
    [InlineData("analytics of 3,660 days", DayRange.MaxDays)]
    public async Task Figures_come_from_the_counts_and_not_from_the_cases(string name, int days)
    {
        var values = new { from = MillionDecisions.Last.AddDays(1 - days), to = MillionDecisions.Last };

        var first = await Plans.Explain(million.Database, AnalyzeCases.Select, values, name + ", first execution", output);
        var plan = await Plans.Explain(million.Database, AnalyzeCases.Select, values, name, output);

        Assert.InRange(first.Milliseconds, 0, Longest);
        Assert.InRange(plan.Milliseconds, 0, Longest);
        Assert.DoesNotContain("\"Relation Name\": \"cases\"", plan.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("\"Relation Name\": \"status_events\"", plan.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("\"Gather", plan.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_percentiles_of_a_million_decisions_are_exact()
    {
        await using var database = new Database(million.Database.Source);
        var (from, to) = (MillionDecisions.Last.AddDays(1 - DayRange.MaxDays), MillionDecisions.Last);
        var tally = new Tally(await database.List<Tally.Row>(AnalyzeCases.Select, new { from, to }, default));
        var watch = Stopwatch.StartNew();
        var exact = await million.Database.Scalar<double[]>(
            """
            select percentile_cont(array[0.5, 0.9]) within group (order by took) from advocacy.counted_cases
            where decided_on between @from and @to
            """,
            ("from", from), ("to", to));
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"A sort of all durations: {watch.ElapsedMilliseconds} ms; the migration: {million.Took.TotalSeconds:0} s."));

        Assert.Equal(exact![0] / 1e6, tally.Durations().Median!.Value, 0.000001);
        Assert.Equal(exact[1] / 1e6, tally.Durations().P90!.Value, 0.000001);
        Assert.InRange(tally.Durations().Count, 750_000, 1_000_000);
    }

    [Fact]
    public async Task A_batch_of_the_handler_touches_a_bounded_number_of_pages()
    {
        var ids = Enumerable.Range(0, 500).Select(n => 500_000L + n).ToArray();

        await Plans.StaysBounded(million.Database, WhenCaseChanged.Count, new { ids }, "count 500 unchanged cases", output, 15_000);
        await million.Database.Execute("update advocacy.cases set current_status = 'CLOSED' where id between 500000 and 500499");
        await Plans.StaysBounded(million.Database, WhenCaseChanged.Count, new { ids }, "count 500 changed cases", output, 15_000);
    }
}

/// <summary>
/// A million cases of ten years, four fifths of them decided: most within an hour to three months, the others after a week, give or take a
/// minute. The migration counts them.
/// </summary>
public sealed class MillionDecisions(PostgresServer postgres) : IAsyncLifetime
{
    public static DateOnly Last { get; } = new(2026, 6, 30);

    public TestDatabase Database { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = await postgres.CreateEmpty();
        var now = TimeProvider.System.GetUtcNow();
        var older = Migrator.Embedded.TakeWhile(migration => migration.Name != "advocacy_analytics");
        await new Migrator(Database.Source, [.. older]).Up(now, default);
        await using var connection = await Database.Source.OpenConnectionAsync();
        await connection.ExecuteAsync(
            """
            select setseed(0.5);
            insert into advocacy.applicants (full_name, created_at) values ('Ada', now());
            insert into advocacy.cases (applicant_id, narrative, current_status, created_at, updated_at)
            select 1, repeat('The plan denied it. ', 10),
                case when n % 5 = 0 then 'IN_REVIEW' when n % 5 = 1 then 'CLOSED' when n % 3 = 0 then 'APPROVED' else 'DENIED' end,
                timestamptz '2026-06-30 20:00Z' - (1000000 - n) * interval '316.224 seconds', now()
            from generate_series(1, 1000000) n;
            insert into advocacy.status_events (case_id, to_status, actor, created_at)
            select id, case when id % 3 = 0 then 'APPROVED' else 'DENIED' end, 'x',
                created_at + interval '1 second' * case
                    when id % 4 = 0 then 604740 + 120 * random()
                    else 3600 * exp(ln(2000) * random()) end
            from advocacy.cases where id % 5 > 0;
            analyze
            """,
            commandTimeout: 600);
        var watch = Stopwatch.StartNew();
        await new Migrator(Database.Source, Migrator.Embedded).Up(now, default);
        Took = watch.Elapsed;
        await connection.ExecuteAsync("vacuum analyze", commandTimeout: 600);
    }

    /// <summary>How long the migration took.</summary>
    public TimeSpan Took { get; private set; }

    public ValueTask DisposeAsync() => Database.DisposeAsync();
}
