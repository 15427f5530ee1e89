using Caraway.Tests.Infrastructure;
using static Caraway.Tests.Support.SupportDesk;

namespace Caraway.Tests.Support;

public sealed class CaseTemplateTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Templates = "/api/v1/case-templates";

    [Fact]
    public async Task A_template_fills_in_what_the_request_leaves_out()
    {
        var ada = await caraway.SignedIn("patient", "Ada {{date}} King");
        var id = await Made(ada, """
            {"name":"Slow","title":"Slow page of {{user}}","description":"{{date}}: {{user}} {{ user }} {{other}}","severity":"high",
             "category":"performance","tags":["slow","web"],"checklist":["Which page?","Since when?"]}
            """);

        var filled = await caraway.Opened(ada, $$$"""{"template_id":{{{id}}},"tags":["web","mine"],"metadata":{"n":1.50}}""");

        var today = DateTime.UtcNow.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal("Slow page of Ada {{date}} King", filled.Text("title"));
        Assert.Equal(today + ": Ada {{date}} King {{ user }} {{other}}", filled.Text("description"));
        Assert.Equal(("high", "performance"), (filled.Text("severity"), filled.Text("category")));
        Assert.Equal("""["slow","web","mine"]""", filled.GetProperty("tags").GetRawText());
        Assert.Equal(
            """{"n":1.50,"checklist":[{"text":"Which page?","done":false},{"text":"Since when?","done":false}]}""",
            filled.GetProperty("metadata").GetRawText());

        var own = await caraway.Opened(ada, $$$"""
            {"template_id":{{{id}}},"title":"Mine","description":"","severity":"low","metadata":{"checklist":[]}}
            """);
        Assert.Equal(("Mine", "", "low"), (own.Text("title"), own.Text("description"), own.Text("severity")));
        Assert.Equal("""{"checklist":[]}""", own.GetProperty("metadata").GetRawText());
    }

    [Fact]
    public async Task Metadata_that_does_not_fit_a_checklist_is_refused()
    {
        var anna = NewUser();
        var id = await Made(anna, """{"name":"List","checklist":["Größe?"]}""");
        Task<Answer> Open(string metadata) => caraway.Post(anna, Cases, $$"""{"template_id":{{id}},"metadata":{{metadata}}}""");

        foreach (var metadata in new[] { "[]", """{"a":"\ud800"}""", """{"\u0000":1}""", $$"""{"a":"{{new string('é', 16_370)}}"}""" })
            Assert.Equal(["#/metadata"], (await Open(metadata)).IsProblem(422, "invalid").Pointers);

        var opened = await Open($$"""{"é":"{{new string('é', 16_000)}}"}""");
        Assert.Equal(201, opened.Status);
        Assert.EndsWith(
            """é","checklist":[{"text":"Größe?","done":false}]}""",
            opened.Json.GetProperty("metadata").GetRawText(),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Own_templates_are_private_and_global_ones_are_an_administrators()
    {
        var (anna, ben, admin) = (NewUser(), NewUser("ben"), await caraway.SignedIn("admin"));
        var own = await Made(anna, """{"name":"Mine"}""");
        (await caraway.Post(anna, Templates, """{"name":"Global","is_global":true}""")).IsProblem(403, "not_permitted");
        var global = await Made(admin, """{"name":"Global of all","is_global":true}""");

        (await caraway.Get(ben, $"{Templates}/{own}")).IsProblem(404, "template_not_found");
        (await caraway.Put(ben, $"{Templates}/{own}", "{}")).IsProblem(404, "template_not_found");
        var refused = await caraway.Post(ben, Cases, $$"""{"template_id":{{own}}}""");
        Assert.Equal(["#/template_id"], refused.IsProblem(422, "invalid").Pointers);
        Assert.Equal(201, (await caraway.Post(ben, Cases, $$"""{"template_id":{{global}}}""")).Status);
        (await caraway.Put(anna, $"{Templates}/{global}", """{"title":"x"}""")).IsProblem(403, "not_permitted");
        (await caraway.Delete(anna, $"{Templates}/{global}")).IsProblem(403, "not_permitted");
        Assert.Equal([global, own], await Listed(anna));
        Assert.DoesNotContain(own, await Listed(ben));
        Assert.Equal(200, (await caraway.Put(admin, $"{Templates}/{global}", """{"title":"x"}""")).Status);
        Assert.Equal(204, (await caraway.Delete(admin, $"{Templates}/{global}")).Status);
    }

    [Fact]
    public async Task A_change_keeps_what_it_does_not_name_and_a_name_is_used_once()
    {
        var anna = NewUser();
        var id = await Made(anna, """{"name":"One","tags":["x"],"checklist":["a"]}""");
        var other = await Made(anna, """{"name":"Two"}""");
        (await caraway.Post(anna, Templates, """{"name":"ONE"}""")).IsProblem(409, "template_name_used");
        (await caraway.Put(anna, $"{Templates}/{other}", """{"name":"one"}""")).IsProblem(409, "template_name_used");
        Assert.Equal(201, (await caraway.Post(NewUser(), Templates, """{"name":"One"}""")).Status);

        var changed = await caraway.Put(anna, $"{Templates}/{id}", """{"severity":"low"}""", ("If-Match", "\"v1\""));
        Assert.Equal(("One", "low", """["x"]""", """["a"]"""), (
            changed.Json.Text("name"), changed.Json.Text("severity"), changed.Json.GetProperty("tags").GetRawText(),
            changed.Json.GetProperty("checklist").GetRawText()));
        Assert.Equal("\"v2\"", changed.Headers["ETag"]);
        Assert.Equal(200, (await caraway.WritesNothing(() => caraway.Put(anna, $"{Templates}/{id}", """{"severity":"low"}"""))).Status);
        (await caraway.Put(anna, $"{Templates}/{id}", """{"severity":"high"}""", ("If-Match", "\"v1\""))).IsProblem(412, "stale_version");
        Assert.Equal(204, (await caraway.Delete(anna, $"{Templates}/{id}")).Status);
        (await caraway.Delete(anna, $"{Templates}/{id}")).IsProblem(404, "template_not_found");
    }

    [Fact]
    public async Task A_template_that_grows_too_long_when_filled_in_is_refused()
    {
        var ada = await caraway.SignedIn("patient", new string('n', 100));
        var id = await Made(ada, """{"name":"Long","title":"{{user}}{{user}}{{user}}"}""");

        var refused = await caraway.Post(ada, Cases, $$"""{"template_id":{{id}}}""");

        Assert.Equal(["#/template_id"], refused.IsProblem(422, "invalid").Pointers);
    }

    [Theory]
    [InlineData("{}", "#/name")]
    [InlineData("""{"name":" "}""", "#/name")]
    [InlineData("""{"name":"x","checklist":[""]}""", "#/checklist")]
    [InlineData("""{"name":"x","severity":"x"}""", "#/severity")]
    public async Task A_template_is_checked(string json, string pointer) =>
        Assert.Equal([pointer], (await caraway.Post(NewUser(), Templates, json)).IsProblem(422, "invalid").Pointers);

    private async Task<long> Made(Person who, string json)
    {
        var answer = await caraway.Post(who, Templates, json);
        Assert.True(answer.Status == 201, answer.Body);
        return answer.Json.GetProperty("id").GetInt64();
    }

    private async Task<long[]> Listed(Person who)
    {
        var answer = await caraway.Get(who, Templates);
        return [.. answer.Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetInt64())];
    }
}
