using System.Text;
using System.Text.Json;
using Caraway.Support;
using Caraway.Tests.Infrastructure;
using static Caraway.Tests.Support.SupportDesk;

namespace Caraway.Tests.Support;

/// <summary>The moves of a case, its times and its history.</summary>
public sealed class SupportWorkflowTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private static readonly string[] Statuses = ["active", "investigating", "resolved", "closed", "archived"];

    private const string Contract = """
        from \ to      active         investigating  resolved       closed         archived
        active         same           yes            yes            yes            yes
        investigating  yes            same           yes            yes            yes
        resolved       no             yes            same           yes            yes
        closed         no             yes            no             same           yes
        archived       no             no             no             no             same
        """;

    public static TheoryData<string, string> Pairs =>
        [.. from before in Statuses from after in Statuses select new TheoryDataRow<string, string>(before, after)];

    [Fact]
    public void The_matrix_of_moves_is_that_of_the_contract()
    {
        var printed = new StringBuilder($"{"from \\ to",-15}{string.Concat(Statuses.Select(status => $"{status,-15}"))}".TrimEnd());
        foreach (var before in Statuses)
        {
            var cells = Statuses.Select(after => before == after ? "same" : CaseWords.Table.Allows(before, after) ? "yes" : "no");
            printed.Append('\n').Append($"{before,-15}{string.Concat(cells.Select(cell => $"{cell,-15}"))}".TrimEnd());
        }

        Assert.Equal(Contract, printed.ToString());
        Assert.Equal(Statuses, CaseWords.Table.Statuses);
    }

    [Theory, MemberData(nameof(Pairs))]
    public async Task Each_pair_is_answered_as_the_table_says(string before, string after)
    {
        var anna = NewUser();
        var id = await caraway.OpenedIn(anna, before);
        var events = await caraway.EventsOf(id);
        var (there, put) = (await caraway.Get(anna, $"{Cases}/{id}"), $$"""{"status":"{{after}}"}""");

        if (before == after)
        {
            Assert.Equal(there.Body, (await caraway.WritesNothing(() => caraway.Move(anna, id, after))).Body);
        }
        else if (CaseWords.Table.Allows(before, after))
        {
            var moved = await caraway.Move(anna, id, after);
            Assert.Equal((200, after), (moved.Status, moved.Json.Text("status")));
            Assert.Equal(events + " support_case.moved", await caraway.EventsOf(id));
        }
        else
        {
            var refused = await caraway.WritesNothing(() => caraway.Move(anna, id, after));
            Assert.Equal($"Invalid status transition {before} -> {after}", refused.IsProblem(409, "invalid_transition").Detail);
            var byPut = await caraway.WritesNothing(() => caraway.Put(anna, $"{Cases}/{id}", put));
            Assert.Equal(refused.Detail, byPut.IsProblem(409, "invalid_transition").Detail);
        }
    }

    [Fact]
    public async Task Resolved_at_is_set_kept_and_cleared_as_the_contract_says()
    {
        var anna = NewUser();
        var id = await caraway.OpenedIn(anna, "resolved");
        var resolved = await ResolvedAt(anna, id);
        Assert.NotNull(resolved);

        await caraway.Move(anna, id, "closed");
        Assert.Equal(resolved, await ResolvedAt(anna, id));
        await caraway.Move(anna, id, "investigating");
        Assert.Null(await ResolvedAt(anna, id));
        await caraway.Move(anna, id, "closed");
        Assert.True(await ResolvedAt(anna, id) > resolved);
        var kept = await ResolvedAt(anna, id);
        await caraway.Move(anna, id, "archived");
        Assert.Equal(kept, await ResolvedAt(anna, id));
        Assert.Null(await ResolvedAt(anna, await caraway.OpenedIn(anna, "archived")));
    }

    [Fact]
    public async Task An_archived_case_is_read_only_but_a_share_of_it_can_be_revoked()
    {
        var (anna, ben) = (NewUser(), NewUser("ben"));
        var id = await caraway.OpenedId(anna);
        await caraway.Share(anna, id, ben, "edit");
        await caraway.Move(anna, id, "archived");
        var path = $"{Cases}/{id}";

        Answer[] refused =
        [
            await caraway.Put(anna, path, """{"title":"New"}"""),
            await caraway.Put(ben, path, """{"tags":["x"],"status":"archived"}"""),
            await caraway.Delete(anna, path),
            await caraway.Share(anna, id, NewUser("carl")),
            await caraway.Share(anna, id, ben, "view"),
        ];

        Assert.All(refused, answer => Assert.Equal("Archived cases are read-only", answer.IsProblem(409, "case_archived").Detail));
        Assert.Equal(200, (await caraway.Put(anna, path, "{}")).Status);
        Assert.Equal(204, (await caraway.Delete(anna, $"{path}/shares/{ben.UserId}")).Status);
        Assert.Equal(404, (await caraway.Get(ben, path)).Status);
    }

    [Fact]
    public async Task The_history_shows_every_move_newest_first_and_hides_shares_from_readers()
    {
        var (anna, ben) = (NewUser(), NewUser("ben"));
        var id = await caraway.OpenedId(anna);
        await caraway.Move(anna, id, "investigating");
        await caraway.Share(anna, id, ben);
        await caraway.Put(anna, $"{Cases}/{id}", """{"status":"resolved","severity":"low"}""");

        var history = await caraway.Get(anna, $"{Cases}/{id}/history");

        string[] names = [.. history.Json.GetProperty("items").EnumerateArray().Select(item => item.Text("event_name"))];
        Assert.Equal(
            ["support_case.updated", "support_case.moved", "support_case.shared", "support_case.moved", "support_case.opened"],
            names);
        var moves = history.Json.GetProperty("items").EnumerateArray().Where(item => item.Text("event_name") == "support_case.moved")
            .Select(item => item.GetProperty("payload")).Select(payload => $"{payload.Text("from_status")} -> {payload.Text("to_status")}");
        Assert.Equal(["investigating -> resolved", "active -> investigating"], moves);
        Assert.DoesNotContain("shared", (await caraway.Get(ben, $"{Cases}/{id}/history")).Body, StringComparison.Ordinal);
        var page = (await caraway.Get(anna, $"{Cases}/{id}/history?limit=2")).Json;
        Assert.Equal(2, page.GetProperty("items").GetArrayLength());
        Assert.Equal(JsonValueKind.Number, page.GetProperty("next_cursor").ValueKind);
    }

    [Theory]
    [InlineData("{}", "#/status")]
    [InlineData("""{"status":null}""", "#/status")]
    [InlineData("""{"status":"Resolved"}""", "#/status")]
    public async Task A_move_needs_a_known_status(string json, string pointer)
    {
        var anna = NewUser();
        var id = await caraway.OpenedId(anna);

        Assert.Equal([pointer], (await caraway.Post(anna, $"{Cases}/{id}/status", json)).IsProblem(422, "invalid").Pointers);
    }

    private async Task<DateTime?> ResolvedAt(Person who, string id)
    {
        var time = (await caraway.Get(who, $"{Cases}/{id}")).Json.GetProperty("resolved_at");
        return time.ValueKind == JsonValueKind.Null ? null : time.GetDateTime();
    }
}
