using System.Text.Json;
using Caraway.Tests.Infrastructure;
using static Caraway.Tests.Support.SupportDesk;

namespace Caraway.Tests.Support;

/// <summary>Opening, reading, changing and deleting cases.</summary>
public sealed class SupportCaseTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private static string Today => DateTime.UtcNow.ToString("MMdd", System.Globalization.CultureInfo.InvariantCulture);

    [Fact]
    public async Task A_new_case_has_every_field_of_the_contract()
    {
        var anna = NewUser();
        var answer = await caraway.Post(anna, Cases, """
            {"title":"  The upload stops  ","description":"At 99 %.","session_id":"s-1","severity":"high","category":"error",
             "metadata":{"n":1.10,"deep":{"a":[1e2]}},"tags":["upload","Größe"],"unknown":1}
            """);

        Assert.Equal(201, answer.Status);
        var id = answer.Json.Text("case_id");
        Assert.Matches("^case_[0-9a-f]{12}$", id);
        Assert.Equal($"{Cases}/{id}", answer.Headers["Location"]);
        Assert.Equal("\"v1\"", answer.Headers["ETag"]);
        Assert.Equal(
            ["case_id", "user_id", "session_id", "title", "description", "status", "severity", "category", "metadata", "tags", "created_at",
                "updated_at", "resolved_at"],
            answer.Json.EnumerateObject().Select(field => field.Name));
        Assert.Equal(anna.UserId, answer.Json.Text("user_id"));
        Assert.Equal("The upload stops", answer.Json.Text("title"));
        Assert.Equal("""{"n":1.10,"deep":{"a":[1e2]}}""", answer.Json.GetProperty("metadata").GetRawText());
        Assert.Equal(("active", "high", "error"), (answer.Json.Text("status"), answer.Json.Text("severity"), answer.Json.Text("category")));
        Assert.Equal(JsonValueKind.Null, answer.Json.GetProperty("resolved_at").ValueKind);
        var read = await caraway.Get(anna, $"{Cases}/{id}");
        Assert.Equal(answer.Body, read.Body);
        Assert.Equal("support_case.opened", await caraway.EventsOf(id));
    }

    [Fact]
    public async Task Defaults_fill_an_empty_case()
    {
        var json = await caraway.Opened(NewUser());

        Assert.Equal(("", "medium", "other"), (json.Text("description"), json.Text("severity"), json.Text("category")));
        Assert.Equal(("{}", "[]"), (json.GetProperty("metadata").GetRawText(), json.GetProperty("tags").GetRawText()));
        Assert.Equal(JsonValueKind.Null, json.GetProperty("session_id").ValueKind);
    }

    [Fact]
    public async Task A_title_that_is_absent_or_blank_gets_the_users_number_of_the_day()
    {
        var (anna, ben) = (NewUser(), NewUser("ben"));

        Assert.Equal($"Case-{Today}-1", (await caraway.Opened(anna)).Text("title"));
        await caraway.Opened(anna, """{"title":"A case with a title takes a number, too"}""");
        var third = await caraway.Opened(anna, """{"title":"   "}""");
        Assert.Equal($"Case-{Today}-3", third.Text("title"));
        Assert.Equal(204, (await caraway.Delete(anna, $"{Cases}/{third.Text("case_id")}")).Status);
        Assert.Equal($"Case-{Today}-4", (await caraway.Opened(anna)).Text("title"));
        Assert.Equal($"Case-{Today}-1", (await caraway.Opened(ben)).Text("title"));
    }

    [Theory]
    [InlineData("""{"title":"%"}""", "#/title", 201)]
    [InlineData("""{"description":"%"}""", "#/description", 20001)]
    [InlineData("""{"session_id":"%"}""", "#/session_id", 101)]
    [InlineData("""{"severity":"urgent"}""", "#/severity", 0)]
    [InlineData("""{"category":"network"}""", "#/category", 0)]
    [InlineData("""{"metadata":[]}""", "#/metadata", 0)]
    [InlineData("""{"metadata":{"a":"\u0000"}}""", "#/metadata", 0)]
    [InlineData("""{"metadata":{"a":"%"}}""", "#/metadata", 33000)]
    [InlineData("""{"metadata":{"a":1,"a":2}}""", "#/metadata", 0)]
    [InlineData("""{"tags":["%"]}""", "#/tags", 51)]
    [InlineData("""{"tags":[""]}""", "#/tags", 0)]
    [InlineData("""{"tags":[null]}""", "#/tags", 0)]
    [InlineData("""{"tags":[1]}""", "#/tags", 0)]
    [InlineData("""{"title":7}""", "#/title", 0)]
    [InlineData("""{"template_id":4711}""", "#/template_id", 0)]
    public async Task Values_out_of_bounds_are_refused(string json, string pointer, int length)
    {
        var anna = NewUser();
        var body = json.Replace("%", new string('x', length), StringComparison.Ordinal);

        var answer = await caraway.WritesNothing(() => caraway.Post(anna, Cases, body));

        answer.IsProblem(422, "invalid");
        Assert.StartsWith(pointer, answer.Pointers[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fifty_one_tags_are_too_many()
    {
        var tags = string.Join(',', Enumerable.Range(0, 51).Select(n => $"\"t{n}\""));

        Assert.Equal(["#/tags"], (await caraway.Post(NewUser(), Cases, $$"""{"tags":[{{tags}}]}""")).IsProblem(422, "invalid").Pointers);
    }

    [Fact]
    public async Task A_put_changes_what_it_names_and_replaces_metadata_and_tags_whole()
    {
        var anna = NewUser();
        var id = await caraway.OpenedId(anna, """{"title":"One","description":"Old","metadata":{"a":1,"b":2},"tags":["x","y"]}""");

        var answer = await caraway.Put(anna, $"{Cases}/{id}", """
            {"title":" Two ","description":null,"severity":"critical","metadata":{"c":3},"tags":[]}
            """);

        Assert.Equal(200, answer.Status);
        Assert.Equal("\"v2\"", answer.Headers["ETag"]);
        var json = answer.Json;
        Assert.Equal(("Two", "Old", "critical"), (json.Text("title"), json.Text("description"), json.Text("severity")));
        Assert.Equal(("""{"c":3}""", "[]"), (json.GetProperty("metadata").GetRawText(), json.GetProperty("tags").GetRawText()));
        Assert.Equal("support_case.opened support_case.updated", await caraway.EventsOf(id));
        var changes = await caraway.Database.Scalar<string>($"""
            select payload::json ->> 'changes' from platform.events
            where subject = 'support.case:{id}' and name = 'support_case.updated'
            """);
        Assert.Equal("""["title","severity","metadata","tags"]""", changes);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"title":null,"status":null}""")]
    [InlineData("""{"title":"One","status":"active","tags":["x"]}""")]
    public async Task A_put_that_changes_nothing_writes_nothing(string json)
    {
        var anna = NewUser();
        var opened = await caraway.Opened(anna, """{"title":"One","tags":["x"]}""");

        var answer = await caraway.WritesNothing(() => caraway.Put(anna, $"{Cases}/{opened.Text("case_id")}", json));

        Assert.Equal((200, opened.GetRawText()), (answer.Status, answer.Body));
    }

    [Fact]
    public async Task A_put_checks_the_title_and_the_version()
    {
        var anna = NewUser();
        var path = $"{Cases}/{await caraway.OpenedId(anna)}";

        Assert.Equal(["#/title"], (await caraway.Put(anna, path, """{"title":"  "}""")).IsProblem(422, "invalid").Pointers);
        (await caraway.Put(anna, path, """{"title":"New"}""", ("If-Match", "\"v9\""))).IsProblem(412, "stale_version");
        Assert.Equal(200, (await caraway.Put(anna, path, """{"title":"New"}""", ("If-Match", "\"v1\""))).Status);
        Assert.Equal(304, (await caraway.Ask(anna, HttpMethod.Get, path, null, ("If-None-Match", "\"v2\""))).Status);
    }

    [Fact]
    public async Task A_deleted_case_is_gone_and_its_events_stay()
    {
        var anna = NewUser();
        var id = await caraway.OpenedId(anna);
        (await caraway.Delete(anna, $"{Cases}/{id}", ("If-Match", "\"v7\""))).IsProblem(412, "stale_version");

        Assert.Equal(204, (await caraway.Delete(anna, $"{Cases}/{id}")).Status);

        (await caraway.Delete(anna, $"{Cases}/{id}")).IsProblem(404, "case_not_found");
        Assert.Equal($"Case {id} not found", (await caraway.Get(anna, $"{Cases}/{id}")).IsProblem(404, "case_not_found").Detail);
        (await caraway.Get(anna, $"{Cases}/{id}/history")).IsProblem(404, "case_not_found");
        Assert.Equal("support_case.opened support_case.deleted", await caraway.EventsOf(id));
    }

    [Theory]
    [InlineData("case_ffffffffffff")]
    [InlineData("case_FFFFFFFFFFFF")]
    [InlineData("case_0")]
    [InlineData("42")]
    [InlineData("case_%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9")]
    public async Task An_unknown_or_malformed_id_is_404(string id) =>
        Assert.Equal(
            $"Case {Uri.UnescapeDataString(id)} not found",
            (await caraway.Get(NewUser(), $"{Cases}/{id}")).IsProblem(404, "case_not_found").Detail);

    [Theory]
    [InlineData("GET", "")]
    [InlineData("GET", "/history")]
    [InlineData("GET", "/shares/ben")]
    [InlineData("DELETE", "/shares/ben")]
    public async Task A_long_id_is_cut_between_two_characters(string method, string rest)
    {
        var id = "a" + string.Concat(Enumerable.Repeat("\U0001F600", 40));
        var answer = await caraway.Ask(NewUser(), new HttpMethod(method), $"{Cases}/{Uri.EscapeDataString(id)}{rest}");

        Assert.Equal($"Case {id[..63]}… not found", answer.IsProblem(404, "case_not_found").Detail);
    }

    [Fact]
    public async Task The_same_idempotency_key_opens_one_case()
    {
        var anna = NewUser();
        var first = await caraway.Ask(anna, HttpMethod.Post, Cases, "{}", ("Idempotency-Key", "k1"));
        var again = await caraway.Ask(anna, HttpMethod.Post, Cases, "{}", ("Idempotency-Key", "k1"));
        var other = await caraway.Ask(NewUser(), HttpMethod.Post, Cases, "{}", ("Idempotency-Key", "k1"));

        Assert.Equal((first.Body, "true"), (again.Body, again.Headers["Idempotent-Replayed"]));
        Assert.NotEqual(first.Json.Text("case_id"), other.Json.Text("case_id"));
    }
}
