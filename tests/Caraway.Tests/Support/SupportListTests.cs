using System.Text.Json;
using Caraway.Tests.Infrastructure;
using static Caraway.Tests.Support.SupportDesk;

namespace Caraway.Tests.Support;

/// <summary>Lists in page mode and cursor mode, filters and sizes.</summary>
public sealed class SupportListTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task Pages_have_an_exact_total_and_go_through_all_cases_newest_first()
    {
        var (anna, ben) = (NewUser(), NewUser("ben"));
        var ids = new List<string>();
        for (var n = 0; n < 7; n++)
            ids.Add(await caraway.OpenedId(n % 3 == 2 ? ben : anna));
        foreach (var id in new[] { ids[2], ids[5] })
            await caraway.Share(ben, id, anna);
        await caraway.OpenedId(ben);
        ids.Reverse();

        var all = await caraway.Get(anna, Cases);
        Assert.Equal(ids, all.Ids());
        Assert.Equal((7, 1, 50), Numbers(all));
        var second = await caraway.Get(anna, Cases + "?page=2&page_size=3");
        Assert.Equal(ids[3..6], second.Ids());
        Assert.Equal((7, 2, 3), Numbers(second));
        var beyond = await caraway.Get(anna, Cases + "?page=9&page_size=3");
        Assert.Empty(beyond.Ids());
        Assert.Equal((7, 9, 3), Numbers(beyond));
        Assert.Equal(ids, await Walk(anna, Cases + "?page_size=2"));
    }

    [Fact]
    public async Task Cases_of_one_moment_are_ordered_by_id()
    {
        var anna = NewUser();
        for (var n = 0; n < 6; n++)
            await caraway.OpenedId(anna);
        await caraway.Database.Execute($"update support.cases set created_at = '2026-01-01Z' where owner = 'gateway:{anna.UserId}'");

        var ids = await Walk(anna, Cases + "?page_size=2");

        Assert.Equal(6, ids.Count);
        Assert.Equal(ids.OrderDescending(StringComparer.Ordinal), ids);
        Assert.Equal(ids, (await caraway.Get(anna, Cases)).Ids());
    }

    [Theory]
    [InlineData("?status=resolved", "B")]
    [InlineData("?severity=critical", "A")]
    [InlineData("?category=security", "C")]
    [InlineData("?tag=kafka", "A C")]
    [InlineData("?session_id=s1", "A B")]
    [InlineData("?q=broker", "A C")]
    [InlineData("?q=Resume", "B")]
    [InlineData("?tag=kafka&severity=critical", "A")]
    [InlineData("?tag=kaf", "")]
    [InlineData("?status=&severity=&tag=&q=", "A B C")]
    public async Task Filters_narrow_both_modes(string query, string expected)
    {
        var anna = NewUser();
        await caraway.Opened(anna, """
            {"title":"A","description":"The broker is slow","severity":"critical","tags":["kafka"],"session_id":"s1"}
            """);
        var second = await caraway.OpenedId(anna, """{"title":"B","description":"My résumé is gone","session_id":"s1"}""");
        await caraway.Move(anna, second, "resolved");
        await caraway.Opened(anna, """{"title":"C","category":"security","tags":["kafka","broker"]}""");

        var paged = await caraway.Get(anna, Cases + query);
        var keyset = await caraway.Get(anna, Cases + query + "&cursor=");

        Assert.Equal(expected, Titles(paged));
        Assert.Equal(expected, Titles(keyset));
        Assert.Equal(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length, paged.Json.GetProperty("total").GetInt32());
    }

    [Fact]
    public async Task A_session_lists_the_callers_cases_only()
    {
        var (anna, ben) = (NewUser(), NewUser("ben"));
        var session = "s /" + anna.UserId;
        var own = await caraway.OpenedId(anna, $$"""{"session_id":"{{session}}"}""");
        var theirs = await caraway.OpenedId(ben, $$"""{"session_id":"{{session}}"}""");
        var path = $"{Cases}/session/{Uri.EscapeDataString(session)}";

        Assert.Equal([own], (await caraway.Get(anna, path)).Ids());
        Assert.Equal((1, 1, 50), Numbers(await caraway.Get(anna, path)));
        Assert.Equal([theirs, own], (await caraway.Get(await caraway.SignedIn("agent"), path)).Ids());
        Assert.Equal([own], (await caraway.Get(anna, path + "?cursor=")).Ids());
    }

    [Theory]
    [InlineData("page=0", "page")]
    [InlineData("page=-1", "page")]
    [InlineData("page=x", "page")]
    [InlineData("page=99999999999999999999", "page")]
    [InlineData("page_size=0", "page_size")]
    [InlineData("page_size=101", "page_size")]
    [InlineData("page_size=1e2", "page_size")]
    [InlineData("status=new", "status")]
    [InlineData("severity=HIGH", "severity")]
    [InlineData("category=x", "category")]
    [InlineData("tag=%00", "tag")]
    [InlineData("session_id=%00", "session_id")]
    [InlineData("cursor=abc", "cursor")]
    [InlineData("cursor=1_", "cursor")]
    public async Task A_query_value_out_of_range_is_refused(string query, string name) =>
        Assert.Equal(["#/" + name], (await caraway.Get(NewUser(), $"{Cases}?{query}")).IsProblem(422, "invalid").Pointers);

    [Fact]
    public async Task Page_sizes_can_be_set()
    {
        await using var own = await OwnCaraway.Start(
            caraway.Database.Address,
            ("Pages:DefaultSize", "2"), ("Pages:MaxSize", "3"), ("Identity:GatewayTrustedNetworks", "127.0.0.0/8"));
        var anna = NewUser();
        for (var n = 0; n < 3; n++)
            await caraway.OpenedId(anna);

        var answer = await CarawayFixture.Send(own.Stranger, HttpMethod.Get, Cases, null, ("X-User-ID", anna.UserId));

        Assert.Equal((3, 1, 2), Numbers(answer));
        var four = await CarawayFixture.Send(own.Stranger, HttpMethod.Get, Cases + "?page_size=4", null, ("X-User-ID", anna.UserId));
        Assert.Equal(["#/page_size"], four.IsProblem(422, "invalid").Pointers);
    }

    private static (int Total, int Page, int Size) Numbers(Answer answer) => (
        answer.Json.GetProperty("total").GetInt32(), answer.Json.GetProperty("page").GetInt32(),
        answer.Json.GetProperty("page_size").GetInt32());

    private static string Titles(Answer answer)
    {
        var titles = answer.Json.GetProperty("cases").EnumerateArray().Select(item => item.Text("title"));
        return string.Join(' ', titles.Order(StringComparer.Ordinal));
    }

    private async Task<List<string>> Walk(Person who, string path)
    {
        var ids = new List<string>();
        for (var cursor = ""; ;)
        {
            var page = await caraway.Get(who, $"{path}&cursor={cursor}");
            Assert.Equal(["cases", "next_cursor"], page.Json.EnumerateObject().Select(field => field.Name));
            ids.AddRange(page.Ids());
            if (page.Json.GetProperty("next_cursor").ValueKind == JsonValueKind.Null)
                return ids;
            cursor = page.Json.Text("next_cursor");
        }
    }
}
