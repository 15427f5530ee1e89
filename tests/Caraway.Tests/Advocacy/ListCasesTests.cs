using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

public sealed class ListCasesTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task Cases_are_listed_newest_first()
    {
        var older = await caraway.OpenCase("Ada Lovelace");
        var newer = await caraway.OpenCase("Grace Hopper");
        await caraway.Transition(older, "IN_REVIEW");
        await caraway.Patch($"/cases/{older}", """{"assignee":"first-list"}""");
        await caraway.Patch($"/cases/{newer}", """{"assignee":"first-list"}""");

        var answer = await caraway.Get("/cases?assignee=first-list");

        Assert.Equal(200, answer.Status);
        Shape.Is(
            $$"""
            {"items":[
             {"case_id":{{newer}},"applicant_name":"Grace Hopper","current_status":"NEW","assignee":"first-list","created_at":"(time)"},
             {"case_id":{{older}},"applicant_name":"Ada Lovelace","current_status":"IN_REVIEW","assignee":"first-list",
               "created_at":"(time)"}],
             "next_cursor":null}
            """,
            answer);
    }

    [Fact]
    public async Task A_list_without_a_filter_starts_with_the_newest_case()
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.Get("/cases");

        var first = answer.Json.GetProperty("items")[0];
        Shape.Is(
            $$"""{"case_id":{{id}},"applicant_name":"Ada Lovelace","current_status":"NEW","assignee":null,"created_at":"(time)"}""",
            first.GetRawText());
    }

    [Fact]
    public async Task A_filter_without_matches_answers_an_empty_page()
    {
        var answer = await caraway.Get("/cases?assignee=nobody-at-all");

        Assert.Equal(200, answer.Status);
        Shape.Is("""{"items":[],"next_cursor":null}""", answer);
    }

    [Fact]
    public async Task The_status_filter_gives_that_status_only()
    {
        foreach (var status in CaseContract.Statuses)
            await Seed(2, "statuses", status);

        foreach (var status in CaseContract.Statuses)
        {
            var items = (await caraway.Get($"/cases?status={status}&limit=100")).Json.GetProperty("items").EnumerateArray().ToList();
            Assert.True(items.Count >= 2);
            Assert.All(items, item => Assert.Equal(status, item.GetProperty("current_status").GetString()));
        }
    }

    [Fact]
    public async Task Filters_combine()
    {
        var wanted = await Seed(3, "combined", "SUBMITTED");
        await Seed(3, "combined", "DENIED");
        await Seed(3, "somebody", "SUBMITTED");

        Assert.Equal(wanted, Ids(await caraway.Get("/cases?status=SUBMITTED&assignee=combined")));
        Assert.Equal(wanted[1..], Ids(await caraway.Get($"/cases?status=SUBMITTED&assignee=combined&cursor={wanted[0]}")));
        Assert.Equal(wanted[1..2], Ids(await caraway.Get($"/cases?status=SUBMITTED&assignee=combined&cursor={wanted[0]}&limit=1")));
    }

    [Theory]
    [InlineData("exact", true)]
    [InlineData("Exact", false)]
    [InlineData("exac", false)]
    [InlineData("exact%20", false)]
    [InlineData("%25", false)]
    [InlineData("exac_", false)]
    [InlineData("'%20or%20true--", false)]
    public async Task The_assignee_filter_is_exact(string assignee, bool found)
    {
        await Seed(1, "exact", "NEW");

        var answer = await caraway.Get($"/cases?assignee={assignee}");

        Assert.Equal(200, answer.Status);
        Assert.Equal(found, Ids(answer).Length > 0);
    }

    [Fact]
    public async Task The_assignee_filter_takes_any_letters()
    {
        var wanted = await Seed(1, "Żółw & Söhne + 😀", "NEW");

        Assert.Equal(wanted, Ids(await caraway.Get("/cases?assignee=" + Uri.EscapeDataString("Żółw & Söhne + 😀"))));
    }

    [Theory]
    [InlineData("?status=")]
    [InlineData("?assignee=")]
    [InlineData("?status=&assignee=")]
    [InlineData("?status=&assignee=&cursor=&limit=")]
    [InlineData("?whatever=1")]
    [InlineData("/")]
    [InlineData("/?status=")]
    public async Task An_empty_filter_an_unknown_one_and_a_trailing_slash_change_nothing(string suffix)
    {
        await Seed(25, "empty-filter", "NEW");
        var plain = await caraway.Get("/cases");

        var answer = await caraway.Get("/cases" + suffix);

        Assert.Equal((200, plain.Body), (answer.Status, answer.Body));
    }

    [Theory]
    [InlineData("new")]
    [InlineData("New")]
    [InlineData("NEW%20")]
    [InlineData("%20")]
    [InlineData("OPEN")]
    [InlineData("null")]
    [InlineData("0")]
    [InlineData("%00")]
    public async Task A_status_that_the_table_does_not_know_is_refused(string status)
    {
        var answer = await caraway.Get($"/cases?status={status}");

        answer.IsProblem(422, "invalid");
        Assert.Equal(["#/status"], answer.Pointers);
        Assert.Equal("query", answer.Json.GetProperty("errors")[0].GetProperty("in").GetString());
    }

    [Theory]
    [InlineData(null, 20)]
    [InlineData("1", 1)]
    [InlineData("99", 99)]
    [InlineData("100", 100)]
    [InlineData("101", 100)]
    [InlineData("1000", 100)]
    [InlineData("2147483648", 100)]
    [InlineData("99999999999999999999999", 100)]
    [InlineData("0", 1)]
    [InlineData("-5", 1)]
    [InlineData("-99999999999999999999999", 1)]
    public async Task The_limit_is_clamped(string? limit, int count)
    {
        await Seed(101, "limit", "NEW");

        var answer = await caraway.Get(limit is null ? "/cases" : $"/cases?limit={limit}");

        var ids = Ids(answer);
        Assert.Equal(count, ids.Length);
        Assert.Equal(ids[^1], answer.Json.GetProperty("next_cursor").GetInt64());
    }

    [Theory]
    [InlineData("limit", "abc")]
    [InlineData("limit", "5.5")]
    [InlineData("limit", "1e2")]
    [InlineData("limit", "0x10")]
    [InlineData("limit", "-")]
    [InlineData("limit", "%00")]
    [InlineData("limit", "٣")]
    [InlineData("cursor", "abc")]
    [InlineData("cursor", "1.0")]
    [InlineData("cursor", "--1")]
    [InlineData("cursor", "null")]
    public async Task A_limit_or_cursor_that_is_not_a_number_is_refused(string name, string value)
    {
        var answer = await caraway.Get($"/cases?{name}={value}");

        answer.IsProblem(422, "invalid");
        Assert.Equal(["#/" + name], answer.Pointers);
    }

    [Fact]
    public async Task An_assignee_with_NUL_is_refused()
    {
        var answer = await caraway.Get("/cases?assignee=a%00b");

        answer.IsProblem(422, "invalid");
        Assert.Equal(["#/assignee"], answer.Pointers);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(40)]
    [InlineData(100)]
    public async Task Pages_follow_each_other_without_gaps_or_doubles(int limit)
    {
        var assignee = $"pages-of-{limit}";
        var wanted = await Seed(240, assignee, "IN_REVIEW");
        await Seed(10, "another", "IN_REVIEW");
        var seen = new List<long>();
        long? cursor = null;
        do
        {
            var answer = await caraway.Get($"/cases?assignee={assignee}&limit={limit}" + (cursor is null ? "" : $"&cursor={cursor}"));
            var ids = Ids(answer);
            seen.AddRange(ids);
            cursor = NextCursor(answer);
            Assert.Equal(cursor, seen.Count < wanted.Length ? ids[^1] : null);
        }
        while (cursor is not null);

        Assert.Equal(wanted, seen);
    }

    [Fact]
    public async Task A_full_last_page_has_no_next_cursor()
    {
        var wanted = await Seed(4, "just-full", "NEW");

        Assert.Equal(wanted[1], NextCursor(await caraway.Get("/cases?assignee=just-full&limit=2")));
        Assert.Null(NextCursor(await caraway.Get($"/cases?assignee=just-full&limit=2&cursor={wanted[1]}")));
        Assert.Null(NextCursor(await caraway.Get("/cases?assignee=just-full&limit=4")));
    }

    [Fact]
    public async Task A_case_opened_between_two_pages_does_not_shift_them()
    {
        var wanted = await Seed(4, "shift", "NEW");
        var first = await caraway.Get("/cases?assignee=shift&limit=2");
        await Seed(3, "shift", "NEW");

        var second = await caraway.Get($"/cases?assignee=shift&limit=2&cursor={NextCursor(first)}");

        Assert.Equal(wanted, Ids(first).Concat(Ids(second)));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1")]
    [InlineData("-99999999999999999999999")]
    public async Task A_cursor_below_all_ids_answers_an_empty_page(string cursor)
    {
        Shape.Is("""{"items":[],"next_cursor":null}""", await caraway.Get($"/cases?cursor={cursor}"));
    }

    [Theory]
    [InlineData("9223372036854775807")]
    [InlineData("99999999999999999999999")]
    public async Task A_cursor_above_all_ids_starts_at_the_newest(string cursor)
    {
        await caraway.OpenCase();

        Assert.Equal(Ids(await caraway.Get("/cases")), Ids(await caraway.Get($"/cases?cursor={cursor}")));
    }

    /// <summary>Writes cases into the database.</summary>
    /// <returns>Their ids, newest first.</returns>
    private async Task<long[]> Seed(int count, string assignee, string status)
    {
        var ids = await caraway.Database.Scalar<long[]>(
            """
            with applicant as (
                insert into advocacy.applicants (full_name, created_at) values ('Seed', now()) returning id
            ), added as (
                insert into advocacy.cases (applicant_id, narrative, current_status, assignee, created_at, updated_at)
                select a.id, 'Seed', @status, @assignee, now(), now() from applicant a, generate_series(1, @count) n
                returning id
            )
            select array_agg(id order by id desc) from added
            """,
            ("count", count), ("assignee", assignee), ("status", status));
        return ids!;
    }

    private static long[] Ids(Answer answer) =>
        [.. answer.Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("case_id").GetInt64())];

    private static long? NextCursor(Answer answer) =>
        answer.Json.GetProperty("next_cursor") is { ValueKind: System.Text.Json.JsonValueKind.Number } cursor ? cursor.GetInt64() : null;
}
