using System.Text.Json;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

/// <summary>The figures about cases. Each test has a month of its own.</summary>
public sealed class AnalyzeCasesTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task Cases_are_counted_by_status_and_day_with_times_to_decision_and_the_share_overturned()
    {
        await caraway.PlantCase("2019-12-31T23:59:59.9Z", ("IN_REVIEW", "2020-01-01T10:00:00Z"));
        await caraway.PlantCase("2020-01-01T00:00:00Z");
        await caraway.PlantCase(
            "2020-01-01T08:00:00Z", ("IN_REVIEW", "2020-01-01T08:30:00Z"), ("SUBMITTED", "2020-01-01T09:00:00Z"),
            ("APPROVED", "2020-01-01T09:00:00.5Z"), ("CLOSED", "2020-02-01T09:00:00Z"));
        await caraway.PlantCase("2020-01-02T00:00:00Z", ("SUBMITTED", "2020-01-02T08:30:00Z"), ("DENIED", "2020-01-03T00:00:00Z"));
        await caraway.PlantCase("2020-01-02T23:59:59.999999Z", ("CLOSED", "2020-01-03T23:59:59.999999Z"));
        await caraway.PlantCase("2020-01-03T12:00:00Z", ("SUBMITTED", "2020-01-03T12:00:00Z"), ("APPROVED", "2020-02-01T12:00:00Z"));
        await caraway.Dispatch();

        Shape.Is(
            """
            {
              "from": "2020-01-01", "to": "2020-01-03", "total": 5,
              "by_status": {"NEW": 1, "IN_REVIEW": 0, "NEEDS_INFO": 0, "SUBMITTED": 0, "APPROVED": 1, "DENIED": 1, "CLOSED": 2},
              "by_day": [
                {"day": "2020-01-01", "opened": 2, "ended": 1, "backlog": 2},
                {"day": "2020-01-02", "opened": 2, "ended": 0, "backlog": 4},
                {"day": "2020-01-03", "opened": 1, "ended": 2, "backlog": 3}],
              "decision_seconds": {"count": 2, "median": 45000.25, "p90": 78120.05},
              "decisions_by_month": [{"month": "2020-01", "decided": 2, "overturned": 1, "share": 0.5}],
              "complete_to": null
            }
            """,
            await Analyze("2020-01-01", "2020-01-03"));
        Shape.Is(
            """
            [{"month": "2019-12", "decided": 0, "overturned": 0, "share": null},
             {"month": "2020-01", "decided": 2, "overturned": 1, "share": 0.5},
             {"month": "2020-02", "decided": 1, "overturned": 1, "share": 1}]
            """,
            (await Analyze("2019-12-31", "2020-02-01")).Json.GetProperty("decisions_by_month").GetRawText());
    }

    [Fact]
    public async Task A_change_over_HTTP_counts_today()
    {
        await caraway.Dispatch();
        var before = (await Analyze()).Json;
        var id = await caraway.OpenCase();
        await caraway.OpenCase();
        await caraway.Transition(id, "IN_REVIEW", "SUBMITTED", "DENIED");
        await caraway.Dispatch();

        var after = (await Analyze()).Json;

        Assert.Equal($"{TimeProvider.System.GetUtcNow():yyyy-MM-dd}", after.GetProperty("to").GetString());
        Assert.Equal(30, after.GetProperty("by_day").GetArrayLength());
        string[] figures =
            ["total", "by_status.NEW", "by_status.DENIED", "by_day.opened", "by_day.ended", "by_day.backlog", "decision_seconds.count"];
        Assert.Equal(
            [2, 1, 1, 2, 1, 1, 1],
            figures.Select(path => Number(after, path) - Number(before, path)));
    }

    [Fact]
    public async Task A_case_that_was_opened_with_its_decision_has_no_time_to_it()
    {
        await caraway.PlantCase("2021-03-01T08:00:00Z", ("APPROVED", "2021-03-01T08:00:00Z"));
        await caraway.Dispatch();

        var answer = await Analyze("2021-03-01", "2021-03-01");

        Shape.Is("""{"count": 0, "median": null, "p90": null}""", answer.Json.GetProperty("decision_seconds").GetRawText());
        Shape.Is(
            """[{"month": "2021-03", "decided": 1, "overturned": 1, "share": 1}]""",
            answer.Json.GetProperty("decisions_by_month").GetRawText());
        Assert.Equal(1, Number(answer.Json, "by_day.ended"));
    }

    [Theory]
    [InlineData("from=2026-13-01", "from")]
    [InlineData("to=yesterday", "to")]
    [InlineData("from=2026-01-02&to=2026-01-01", "from")]
    [InlineData("from=2000-01-01&to=2026-01-01", "from")]
    public async Task A_range_that_is_none_is_refused(string query, string name) =>
        Assert.Equal(["#/" + name], (await caraway.Get("/cases/analytics?" + query)).IsProblem(422, "invalid").Pointers);

    [Theory]
    [InlineData("caseworker", 200)]
    [InlineData("auditor", 200)]
    [InlineData("admin", 200)]
    [InlineData("patient", 403)]
    [InlineData("doctor", 403)]
    [InlineData("adjudicator", 403)]
    [InlineData("agent", 403)]
    public async Task Who_reads_cases_may_count_them(string role, int status)
    {
        await caraway.Dispatch();

        var answer = await caraway.As(await caraway.Person(role), HttpMethod.Get, "/cases/analytics");

        Assert.Equal(status, answer.Status);
        (await caraway.Anonymously(HttpMethod.Get, "/cases/analytics", null)).IsProblem(401, "api_key_required");
    }

    [Fact]
    public async Task An_answer_waits_for_what_was_committed_before_the_request()
    {
        await caraway.Dispatch();
        await caraway.PlantCase("2021-05-01T08:00:00Z");

        var asked = Analyze("2021-05-01", "2021-05-01");
        await Task.Delay(100);
        Assert.False(asked.IsCompleted);
        await caraway.Dispatch();

        var answer = (await asked).Json;
        Assert.Equal(1, Number(answer, "total"));
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("complete_to").ValueKind);
    }

    [Fact]
    public async Task An_answer_that_has_waited_a_second_says_what_it_misses()
    {
        await caraway.Dispatch();
        await caraway.PlantCase("2021-06-01T08:00:00Z");

        var answer = (await Analyze("2021-06-01", "2021-06-01")).Json;
        await caraway.Dispatch();

        Assert.Equal(0, Number(answer, "total"));
        Assert.Equal("2021-06-01T08:00:00.000000Z", answer.GetProperty("complete_to").GetString());
        Assert.Equal(1, Number((await Analyze("2021-06-01", "2021-06-01")).Json, "total"));
    }

    private async Task<Answer> Analyze(string from = "", string to = "")
    {
        var answer = await caraway.Get($"/cases/analytics?from={from}&to={to}");
        Assert.Equal(200, answer.Status);
        return answer;
    }

    /// <summary>A number of the answer; of a day, the last one's.</summary>
    private static long Number(JsonElement answer, string path)
    {
        foreach (var name in path.Split('.'))
        {
            answer = answer.ValueKind == JsonValueKind.Array ? answer[answer.GetArrayLength() - 1] : answer;
            answer = answer.GetProperty(name);
        }

        return answer.GetInt64();
    }
}
