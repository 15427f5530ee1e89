using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Support;

/// <summary><c>GET /api/v1/cases?q=</c>, in both modes.</summary>
public sealed class SupportSearchTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Theory]
    [InlineData("")]
    [InlineData("&cursor=")]
    public async Task Cases_are_found_at_once_by_words_and_fields(string mode)
    {
        var me = SupportDesk.NewUser();
        var upload = await caraway.OpenedId(
            me,
            """{"title":"The upload stops","description":"Kafka has no broker.","severity":"high","category":"error","tags":["Disk"]}""");
        var login = await caraway.OpenedId(me, """{"title":"No login","description":"The résumé upload, too.","category":"security"}""");
        await caraway.Move(me, login, "resolved");

        Assert.Equal([login, upload], await Find("upload"));
        Assert.Equal([login, upload], await Find("uplo"));
        Assert.Equal([login], await Find("resume"));
        Assert.Equal([upload], await Find("upload kafka"));
        Assert.Equal([upload], await Find("upload -resume"));
        Assert.Equal([upload], await Find("\"no broker\""));
        Assert.Equal([login, upload], await Find("resume or broker"));
        Assert.Equal([login], await Find("upload status:resolved"));
        Assert.Equal([upload], await Find("upload severity:HIGH category:error tag:Disk"));
        Assert.Equal([login], await Find("status:resolved"));
        Assert.Equal([upload], await Find("upload after:2020-01-01 before:2999-01-01&status=active"));
        Assert.Empty(await Find("upload status:active&status=resolved"));
        Assert.Empty(await Find("upload severity:low"));
        Assert.Empty(await Find("upload tag:disk"));
        Assert.Empty(await Find("upload before:2020-01-01"));
        Assert.Empty(await Find("nothing"));

        async Task<string[]> Find(string q)
        {
            var parts = q.Split('&', 2);
            var answer = await caraway.Get(
                me, $"{SupportDesk.Cases}?q={Uri.EscapeDataString(parts[0])}{mode}{(parts.Length > 1 ? "&" + parts[1] : "")}");
            Assert.True(answer.Status == 200, answer.Body);
            if (mode.Length == 0)
                Assert.Equal(answer.Ids().Length, answer.Json.GetProperty("total").GetInt32());
            return answer.Ids();
        }
    }

    [Fact]
    public async Task Pages_of_a_search_follow_each_other()
    {
        var (me, other) = (SupportDesk.NewUser(), SupportDesk.NewUser());
        var ids = new List<string>();
        for (var i = 0; i < 7; i++)
        {
            var owner = i % 2 == 0 ? me : other;
            ids.Insert(0, await caraway.OpenedId(owner, """{"title":"A marmot"}"""));
            if (owner == other)
                await caraway.Share(other, ids[0], me);
        }

        var (found, cursor) = (new List<string>(), "");
        do
        {
            var page = await caraway.Get(me, $"{SupportDesk.Cases}?q=marmot&page_size=2&cursor={cursor}");
            found.AddRange(page.Ids());
            cursor = page.Json.GetProperty("next_cursor").GetString() ?? "";
        }
        while (cursor.Length > 0);

        Assert.Equal(ids, found);
        Assert.Equal(ids[2..4], (await caraway.Get(me, $"{SupportDesk.Cases}?q=marmot&page_size=2&page=2")).Ids());
    }

    [Theory]
    [InlineData("severity:urgent")]
    [InlineData("assignee:ines")]
    [InlineData("-x")]
    [InlineData("a\0b")]
    public async Task A_wrong_query_is_refused(string q) => Assert.Equal(
        ["#/q"],
        (await caraway.Get(SupportDesk.NewUser(), $"{SupportDesk.Cases}?q={Uri.EscapeDataString(q)}")).IsProblem(422, "invalid").Pointers);

    [Fact]
    public async Task A_changed_case_is_found_by_its_new_words_and_a_deleted_one_not_at_all()
    {
        var me = SupportDesk.NewUser();
        var id = await caraway.OpenedId(me, """{"title":"A lemur"}""");
        await caraway.Put(me, $"{SupportDesk.Cases}/{id}", """{"title":"A loris"}""");

        Assert.Empty((await caraway.Get(me, SupportDesk.Cases + "?q=lemur")).Ids());
        Assert.Equal([id], (await caraway.Get(me, SupportDesk.Cases + "?q=loris")).Ids());
        Assert.Equal(204, (await caraway.Delete(me, $"{SupportDesk.Cases}/{id}")).Status);
        Assert.Empty((await caraway.Get(me, SupportDesk.Cases + "?q=loris")).Ids());
    }
}
