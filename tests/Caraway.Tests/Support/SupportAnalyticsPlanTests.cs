using Caraway.Platform.Analytics;
using Caraway.Platform.Postgres;
using Caraway.Support;
using Caraway.Tests.Infrastructure;
using Dapper;

namespace Caraway.Tests.Support;

/// <summary>The figures about a million support cases of ten years. docs/query-plans.md has the results.</summary>
[Trait("Category", "Long")]
public sealed class SupportAnalyticsPlanTests(MillionCountedCases million, ITestOutputHelper output) : IClassFixture<MillionCountedCases>
{
    /// <summary>Milliseconds that an answer may take.</summary>
    private const double Longest = 300;

    /// <summary>The figures of a person's own cases grow with their number: here are up to 50,000.</summary>
    private const int LongestOfOnePerson = 1_000;

    [Theory]
    [InlineData("support analytics of one day", 1)]
    [InlineData("support analytics of 30 days", 30)]
    [InlineData("support analytics of 3,660 days", DayRange.MaxDays)]
    public async Task Figures_of_all_cases_come_from_the_counts_and_not_from_the_cases(string name, int days)
    {
        var plan = await Measure(AnalyzeCases.SelectAll, name, days);

        Assert.DoesNotContain("\"Relation Name\": \"cases\"", plan.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("\"Gather", plan.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("support analytics of 3,660 days, a user with 100 cases", "user:7")]
    [InlineData("support analytics of 3,660 days, a user with 50,000 cases", "user:0")]
    [InlineData("support analytics of 3,660 days, a user without cases", "user:none")]
    public async Task Figures_of_own_cases_come_from_an_index_over_their_readers(string name, string me)
    {
        var plan = await Measure(AnalyzeCases.SelectMine, name, DayRange.MaxDays, me);

        Assert.Contains("\"Index Name\": \"cases_search\"", plan.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("\"Seq Scan\"", plan.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gauge of cases by status and severity")]
    [InlineData("gauge of the oldest untouched case")]
    public async Task The_gauges_do_not_read_the_cases(string name)
    {
        var gauge = name.EndsWith("severity", StringComparison.Ordinal) ? CountCases.Gauge : CountCases.OldestUntouchedAge;
        var values = new
        {
            statuses = CaseWords.Table.Statuses.ToArray(), severities = CaseWords.Severities.ToArray(),
            now = TimeProvider.System.GetUtcNow().UtcDateTime,
        };

        var plan = await Plans.Explain(million.Database, gauge.Sql, values, name, output);

        Assert.InRange(plan.Milliseconds, 0, Longest);
        Assert.DoesNotContain("\"Relation Name\": \"cases\"", plan.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_batch_of_the_handler_touches_a_bounded_number_of_pages()
    {
        var ids = Enumerable.Range(0, 500).Select(n => 500_000L + n).ToArray();

        await Plans.StaysBounded(million.Database, WhenCaseChanged.Count, new { ids }, "count 500 unchanged cases", output, 15_000);
        await million.Database.Execute(
            "update support.cases set severity = 'low', updated_at = updated_at + interval '1 s' where id between 500000 and 500499");
        await Plans.StaysBounded(million.Database, WhenCaseChanged.Count, new { ids }, "count 500 changed cases", output, 15_000);
    }

    [Fact]
    public async Task The_percentiles_of_a_million_resolutions_are_exact()
    {
        await using var database = new Database(million.Database.Source);
        var (from, to) = (MillionCountedCases.Last.AddDays(1 - DayRange.MaxDays), MillionCountedCases.Last);
        var tally = new Tally(await database.List<Tally.Row>(AnalyzeCases.SelectAll, new { from, to }, default));
        var exact = await million.Database.Scalar<double[]>(
            """
            select percentile_cont(array[0.5, 0.9]) within group (order by took) from support.counted_cases
            where resolved_on between @from and @to
            """,
            ("from", from), ("to", to));

        Assert.Equal(exact![0] / 1e6, tally.Durations().Median!.Value, 0.000001);
        Assert.Equal(exact[1] / 1e6, tally.Durations().P90!.Value, 0.000001);
        Assert.InRange(tally.Durations().Count, 700_000, 1_000_000);
    }

    private async Task<Plans.Plan> Measure(string sql, string name, int days, string me = "")
    {
        var values = new { Me = new[] { me }, from = MillionCountedCases.Last.AddDays(1 - days), to = MillionCountedCases.Last };
        await Plans.Explain(million.Database, sql, values, name + ", first execution", output);
        var plan = await Plans.Explain(million.Database, sql, values, name, output);
        Assert.InRange(plan.Milliseconds, 0, me.Length == 0 ? Longest : LongestOfOnePerson);
        return plan;
    }
}

/// <summary>
/// A million support cases of ten years, four fifths of them resolved within a minute to three months. One user has every twentieth, the
/// others a hundred each. The migration counts them.
/// </summary>
public sealed class MillionCountedCases(PostgresServer postgres) : IAsyncLifetime
{
    public static DateOnly Last { get; } = new(2026, 6, 30);

    public TestDatabase Database { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = await postgres.CreateEmpty();
        var now = TimeProvider.System.GetUtcNow();
        var older = Migrator.Embedded.TakeWhile(migration => migration.Name != "support_analytics");
        await new Migrator(Database.Source, [.. older]).Up(now, default);
        await using var connection = await Database.Source.OpenConnectionAsync();
        await connection.ExecuteAsync(
            """
            select setseed(0.5);
            drop index support.cases_search;
            insert into support.cases (
                id, owner, readers, title, description, status, severity, category, metadata, tags, created_at, updated_at, resolved_at,
                ended_at)
            select n, o.owner, array[o.owner], 'Case ' || n, repeat('The upload stops. ', 10), t.status,
                (array['low', 'medium', 'high', 'critical'])[1 + n % 4],
                (array['performance', 'error', 'configuration', 'infrastructure', 'security', 'other'])[1 + n % 6], '{}', '{}',
                t.created_at, coalesce(t.ended_at, t.created_at), t.ended_at, t.ended_at
            from generate_series(1, 1000000) n
            cross join lateral (values (
                case when n % 20 = 0 then 'user:0' else 'user:' || n % 10000 end)) o (owner)
            cross join lateral (
                select timestamptz '2026-06-30 20:00Z' - (1000000 - n) * interval '316.224 seconds' as created_at,
                    60 * exp(ln(120000) * random()) as seconds
            ) c
            cross join lateral (values (
                case n % 11 when 0 then 'active' when 1 then 'investigating' when 2 then 'closed' else 'resolved' end, c.created_at,
                case when n % 11 > 1 then c.created_at + c.seconds * interval '1 second' end)) t (status, created_at, ended_at);
            create index cases_search on support.cases using gin (readers, tags, search) with (fastupdate = off);
            """,
            commandTimeout: 1_200);
        await connection.ExecuteAsync("vacuum analyze support.cases", commandTimeout: 600);
        await new Migrator(Database.Source, Migrator.Embedded).Up(now, default);
        await connection.ExecuteAsync("vacuum analyze", commandTimeout: 600);
    }

    public ValueTask DisposeAsync() => Database.DisposeAsync();
}
