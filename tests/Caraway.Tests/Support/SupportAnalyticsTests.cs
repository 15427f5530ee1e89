using System.Text.Json;
using Caraway.Platform.Analytics;
using Caraway.Platform.Postgres;
using Caraway.Support;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using static Caraway.Tests.Support.SupportDesk;

namespace Caraway.Tests.Support;

/// <summary>The figures about support cases. Tests of all cases have a month of their own.</summary>
public sealed class SupportAnalyticsTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Analytics = Cases + "/analytics";

    private const string January = """
        {
          "from": "2020-01-02", "to": "2020-01-04", "total": 5,
          "by_status": {"active": 1, "investigating": 1, "resolved": 2, "closed": 0, "archived": 1},
          "by_severity": {"low": 1, "medium": 3, "high": 0, "critical": 1},
          "by_category": {"performance": 0, "error": 1, "configuration": 0, "infrastructure": 0, "security": 0, "other": 4},
          "by_day": [
            {"day": "2020-01-02", "opened": 2, "ended": 1, "backlog": 2},
            {"day": "2020-01-03", "opened": 2, "ended": 1, "backlog": 3},
            {"day": "2020-01-04", "opened": 1, "ended": 1, "backlog": 3}],
          "resolution_seconds": {"count": 2, "median": 129602, "p90": 233280.4},
          "complete_to": null
        }
        """;

    /// <summary>Cases whose figures are <see cref="January"/>.</summary>
    private static SupportCounts.Planted[] Story =>
    [
        new("closed", "2020-01-01T23:59:59Z", "2020-01-04T23:59:59Z"),
        new("active", "2020-01-02T00:00:00Z") { Severity = "critical", Category = "error" },
        new("resolved", "2020-01-02T10:00:00Z", "2020-01-02T10:00:04Z"),
        new("investigating", "2020-01-03T08:00:00Z") { Severity = "low" },
        new("archived", "2020-01-03T09:00:00Z", null, "2020-01-03T10:00:00Z"),
        new("resolved", "2020-01-04T12:00:00Z", "2020-01-05T12:00:00Z"),
    ];

    [Fact]
    public async Task Own_cases_are_counted_by_status_severity_category_and_day_with_times_to_resolution()
    {
        var (anna, stranger) = (NewUser(), NewUser());
        await caraway.Plant("gateway:" + anna.UserId, Story);

        var own = await caraway.Get(anna, $"{Analytics}?from=2020-01-02&to=2020-01-04");

        Assert.Equal(200, own.Status);
        Shape.Is(January, own);
        Assert.Equal(0, (await Ask(stranger, "2020-01-02", "2020-01-04")).GetProperty("total").GetInt64());
    }

    [Theory]
    [InlineData("agent", 2021)]
    [InlineData("auditor", 2022)]
    [InlineData("admin", 2023)]
    public async Task Agents_auditors_and_administrators_count_all_cases(string role, int year)
    {
        var person = await caraway.SignedIn(role);
        var cases = Story.Select(planted => planted with
        {
            CreatedAt = OfYear(planted.CreatedAt), ResolvedAt = OfYear(planted.ResolvedAt), EndedAt = OfYear(planted.EndedAt),
        });
        await caraway.Dispatch();
        var before = await Ask(person, $"{year}-01-02", $"{year}-01-02");
        await caraway.Plant("gateway:somebody", [.. cases.Take(3)]);
        await caraway.Plant("user:4711", [.. cases.Skip(3)]);
        await caraway.Dispatch();

        var answer = await caraway.Get(person, $"{Analytics}?from={year}-01-02&to={year}-01-04");

        // The backlog also has the cases of the years before.
        var backlog = before.GetProperty("by_day")[0].GetProperty("backlog").GetInt64();
        var expected = January.Replace("2020", $"{year}", StringComparison.Ordinal);
        foreach (var number in new[] { 3, 2 })
            expected = expected.Replace($"\"backlog\": {number}", $"\"backlog\": {number + backlog}", StringComparison.Ordinal);
        Shape.Is(expected, answer);

        string OfYear(string? time) => time?.Replace("2020", $"{year}", StringComparison.Ordinal)!;
    }

    [Fact]
    public async Task A_shared_case_counts_for_its_readers_while_it_is_shared()
    {
        var (anna, ben) = (NewUser(), NewUser("ben"));
        var id = await caraway.OpenedId(anna, """{"severity":"high"}""");
        Assert.Equal(0, (await Ask(ben)).GetProperty("total").GetInt64());

        await caraway.Share(anna, id, ben);
        Assert.Equal(1, (await Ask(ben)).GetProperty("by_severity").GetProperty("high").GetInt64());
        Assert.Equal(204, (await caraway.Delete(anna, $"{Cases}/{id}/shares/{ben.UserId}")).Status);

        Assert.Equal(0, (await Ask(ben)).GetProperty("total").GetInt64());
        Assert.Equal(1, (await Ask(anna)).GetProperty("total").GetInt64());
    }

    [Fact]
    public async Task Moves_reopenings_changes_and_deletions_count_at_once()
    {
        var (anna, agent) = (NewUser(), await caraway.SignedIn("agent"));
        await caraway.Dispatch();
        var before = (await Figures(agent)).Of;
        var id = await caraway.OpenedId(anna);
        foreach (var (act, total, active, resolved, ended, backlog, count) in new (Func<Task<Answer>>, int, int, int, int, int, int)[]
        {
            (() => caraway.Move(anna, id, "resolved"), 1, 0, 1, 1, 0, 1),
            (() => caraway.Put(anna, $"{Cases}/{id}", """{"severity":"critical","status":"investigating"}"""), 1, 0, 0, 0, 1, 0),
            (() => caraway.Move(anna, id, "active"), 1, 1, 0, 0, 1, 0),
            (() => caraway.Delete(anna, $"{Cases}/{id}"), 0, 0, 0, 0, 0, 0),
        })
        {
            Assert.InRange((await act()).Status, 200, 204);
            var own = await Figures(anna);
            await caraway.Dispatch();
            var all = await Figures(agent);

            int[] expected = [total, active, resolved, ended, backlog, count];
            Assert.Equal(expected, own.Of);
            Assert.Equal(expected, all.Of.Zip(before, (now, then) => now - then));
            await caraway.Database.CheckSupportRollup();
        }
    }

    [Fact]
    public async Task Only_an_answer_about_all_cases_waits_for_the_counts()
    {
        var (anna, agent) = (NewUser(), await caraway.SignedIn("agent"));
        await caraway.Dispatch();
        await caraway.Plant("gateway:" + anna.UserId, new SupportCounts.Planted("active", "2024-05-01T08:00:00Z"));

        var own = await Ask(anna, "2024-05-01", "2024-05-01");
        var late = await Ask(agent, "2024-05-01", "2024-05-01");
        var asked = Ask(agent, "2024-05-01", "2024-05-01");
        await Task.Delay(100);
        Assert.False(asked.IsCompleted);
        await caraway.Dispatch();

        Assert.Equal((1, "null"), Seen(own));
        Assert.Equal((0, "\"2024-05-01T08:00:00.000000Z\""), Seen(late));
        Assert.Equal((1, "null"), Seen(await asked));

        static (long, string) Seen(JsonElement answer) =>
            (answer.GetProperty("total").GetInt64(), answer.GetProperty("complete_to").GetRawText());
    }

    [Fact]
    public async Task Both_statements_count_the_same()
    {
        var random = new Random(13);
        var owners = Enumerable.Range(0, 5).Select(n => $"gateway:same-{n}").ToArray();
        foreach (var owner in owners)
        {
            await caraway.Plant(owner, [.. Enumerable.Range(0, 30).Select(_ =>
            {
                var created = new DateTime(2015, 3, 1, 0, 0, 0, DateTimeKind.Utc).AddSeconds(random.Next(86_400 * 40));
                var ended = created.AddSeconds(Math.Pow(10, 6 * random.NextDouble()));
                var status = CaseWords.Table.Statuses[random.Next(5)];
                var isOpen = status is "active" or "investigating";
                return new SupportCounts.Planted(
                    status, $"{created:O}", isOpen || status == "archived" ? null : $"{ended:O}", isOpen ? null : $"{ended:O}")
                {
                    Severity = CaseWords.Severities[random.Next(4)], Category = CaseWords.Categories[random.Next(6)],
                };
            })]);
        }

        await caraway.Dispatch();
        await using var database = new Database(caraway.Database.Source);
        foreach (var (first, days) in new[] { (0, 60), (10, 1), (11, 20), (39, 3) })
        {
            var from = new DateOnly(2015, 3, 1).AddDays(first);
            var range = new DayRange(from, from.AddDays(days - 1));
            var values = new { Me = owners, from = range.From, to = range.To };
            var all = new Tally(await database.List<Tally.Row>(AnalyzeCases.SelectAll, values, default));
            var mine = new Tally(await database.List<Tally.Row>(AnalyzeCases.SelectMine, values, default));

            Assert.Equal(all.Total, mine.Total);
            Assert.Equal(all.Days(range), mine.Days(range));
            foreach (var (fact, words) in new[]
            {
                ("status", CaseWords.Table.Statuses), ("severity", CaseWords.Severities), ("category", CaseWords.Categories),
            })
                Assert.Equal(all.Words(fact, words), mine.Words(fact, words));
            Assert.Equal(all.Durations().Count, mine.Durations().Count);
            Assert.Equal(all.Durations().Median ?? 0, mine.Durations().Median ?? 0, 0.0000011);
            Assert.Equal(all.Durations().P90 ?? 0, mine.Durations().P90 ?? 0, 0.0000011);
        }
    }

    [Theory]
    [InlineData("from=2026-13-01", "from")]
    [InlineData("to=yesterday", "to")]
    [InlineData("from=2000-01-01&to=2026-01-01", "from")]
    public async Task A_range_that_is_none_is_refused(string query, string name) =>
        Assert.Equal(["#/" + name], (await caraway.Get(NewUser(), $"{Analytics}?{query}")).IsProblem(422, "invalid").Pointers);

    [Fact]
    public async Task A_stranger_hears_of_the_user_id() =>
        (await caraway.Anonymously(HttpMethod.Get, Analytics, null)).IsProblem(401, "user_id_required");

    private async Task<JsonElement> Ask(Person who, string from = "", string to = "")
    {
        var answer = await caraway.Get(who, $"{Analytics}?from={from}&to={to}");
        Assert.True(answer.Status == 200, answer.Body);
        return answer.Json;
    }

    /// <summary>Total, active, resolved, ended today, backlog today, resolutions.</summary>
    private async Task<(int[] Of, JsonElement Json)> Figures(Person who)
    {
        var json = await Ask(who);
        var today = json.GetProperty("by_day")[29];
        var status = json.GetProperty("by_status");
        return ([
            json.GetProperty("total").GetInt32(), status.GetProperty("active").GetInt32(), status.GetProperty("resolved").GetInt32(),
            today.GetProperty("ended").GetInt32(), today.GetProperty("backlog").GetInt32(),
            json.GetProperty("resolution_seconds").GetProperty("count").GetInt32(),
        ], json);
    }
}
