using System.Text.RegularExpressions;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

public sealed class ListCasesTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task Cases_come_newest_first_and_pages_leave_out_and_repeat_nothing()
    {
        for (var n = 0; n < 25; n++)
            await caraway.Patch($"/cases/{await caraway.OpenCase($"Page {n}")}", """{"assignee":"pager"}""");

        var seen = new List<long>();
        var pages = 0;
        for (long? cursor = null; pages == 0 || cursor is not null; pages++)
        {
            var json = (await caraway.Get($"/cases?assignee=pager&limit=10&cursor={cursor}")).Json;
            seen.AddRange(json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("case_id").GetInt64()));
            cursor = json.GetProperty("next_cursor").ValueKind == System.Text.Json.JsonValueKind.Null ? null : json.GetProperty("next_cursor").GetInt64();
            Assert.Equal(cursor, cursor is null ? null : seen[^1]);
        }

        Assert.Equal((3, 25, 25), (pages, seen.Count, seen.Distinct().Count()));
        Assert.Equal(seen.OrderDescending(), seen);
    }

    [Fact]
    public async Task A_full_last_page_has_no_next()
    {
        for (var n = 0; n < 2; n++)
            await caraway.Patch($"/cases/{await caraway.OpenCase()}", """{"assignee":"two"}""");

        Assert.EndsWith("\"next_cursor\":null}", (await caraway.Get("/cases?assignee=two&limit=2")).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_item_has_the_contracts_fields()
    {
        var id = await caraway.OpenCase("Grace Hopper");

        var item = (await caraway.Get("/cases?limit=1")).Json.GetProperty("items")[0].GetRawText();

        Assert.Matches(
            new Regex($$"""^\{"case_id":{{id}},"applicant_name":"Grace Hopper","current_status":"NEW","assignee":null,"created_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"\}$""", RegexOptions.None, TimeSpan.FromSeconds(1)),
            item);
    }

    [Fact]
    public async Task Filters_are_exact_and_add_up()
    {
        var mine = await caraway.OpenCase();
        var moved = await caraway.OpenCase();
        foreach (var id in new[] { mine, moved })
            await caraway.Patch($"/cases/{id}", """{"assignee":"Ines Filter"}""");
        await caraway.Move(moved, "IN_REVIEW");

        Assert.Equal([moved, mine], await Ids("assignee=Ines%20Filter"));
        Assert.Equal([moved], await Ids("assignee=Ines%20Filter&status=IN_REVIEW"));
        Assert.Equal([mine], await Ids("assignee=Ines%20Filter&status=NEW"));
        Assert.Equal([moved, mine], await Ids("assignee=Ines%20Filter&status="));
        Assert.Empty(await Ids("assignee=ines%20filter"));
        Assert.Empty(await Ids("assignee=Ines%20Filter&status=CLOSED"));
        Assert.Equal([mine], await Ids($"assignee=Ines%20Filter&cursor={moved}"));
        Assert.Contains(mine, await Ids("assignee=&limit=100"));
    }

    [Theory]
    [InlineData("", 20)]
    [InlineData("limit=", 20)]
    [InlineData("limit=0", 1)]
    [InlineData("limit=-5", 1)]
    [InlineData("limit=7", 7)]
    [InlineData("limit=1000", 100)]
    [InlineData("limit=99999999999999999999999", 100)]
    [InlineData("limit=-99999999999999999999999", 1)]
    public async Task The_limit_is_clamped(string query, int expected)
    {
        await caraway.Database.Execute(
            """
            with a as (insert into advocacy.applicants (full_name, created_at) values ('Many', now()) returning id)
            insert into advocacy.cases (applicant_id, narrative, current_status, created_at, updated_at) select a.id, 'x', 'DENIED', now(), now() from a, generate_series(1, 101)
            """);

        Assert.Equal(expected, (await Ids($"status=DENIED&{query}")).Count);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("-99999999999999999999999")]
    public async Task Below_the_first_id_there_is_nothing(string cursor) =>
        Assert.Equal("""{"items":[],"next_cursor":null}""", (await caraway.Get($"/cases?cursor={cursor}")).Body);

    [Fact]
    public async Task A_cursor_beyond_64_bits_is_above_every_id()
    {
        var id = await caraway.OpenCase();
        Assert.Equal(id, (await Ids("cursor=99999999999999999999999"))[0]);
    }

    [Fact]
    public async Task A_stranger_sees_nothing()
    {
        var answer = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/cases", null);
        Assert.Equal("Invalid or missing API key", answer.IsProblem(401, "api_key_required").Detail);
        Assert.NotEqual("", answer.Headers["WWW-Authenticate"]);
    }

    private async Task<List<long>> Ids(string query) =>
        [.. (await caraway.Get("/cases?" + query)).Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("case_id").GetInt64())];
}
