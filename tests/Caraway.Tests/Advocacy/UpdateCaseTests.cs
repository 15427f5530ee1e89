using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

public sealed class UpdateCaseTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Events = """
        select coalesce(string_agg(name || ' ' || actor || ' ' || coalesce(on_behalf_of, '-') || ' ' || payload, E'\n' order by id), '')
        from platform.events where subject = 'advocacy.case:' || @id and name <> 'case.opened'
        """;

    [Fact]
    public async Task A_move_and_an_assignment_are_one_change_with_two_events()
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.Patch($"/cases/{id}", """{"status":"IN_REVIEW","assignee":"Ines","actor":"Ines","reason":"mine","unknown":[1]}""", ("X-Request-Id", "req-1"));

        Assert.Equal($$"""{"case_id":{{id}},"previous_status":"NEW","status":"IN_REVIEW","assignee":"Ines"}""", answer.Body);
        Assert.Equal("\"v2-n0\"", answer.Headers["ETag"]);
        Assert.Equal(
            $$"""
            case.moved apikey:environment Ines {"case_id" : {{id}}, "from_status" : "NEW", "to_status" : "IN_REVIEW", "reason" : "mine"}
            case.assigned apikey:environment Ines {"case_id" : {{id}}, "from_assignee" : null, "to_assignee" : "Ines", "reason" : "mine"}
            """,
            await caraway.Database.Scalar<string>(Events, ("id", id)));
        Assert.Equal(2, await caraway.Database.Scalar<long>(
            "select count(*) from platform.events where request_id = 'req-1' and address = '127.0.0.1' and digest = sha256(salt || convert_to(payload, 'UTF8'))"));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"status":null,"assignee":null,"actor":null,"reason":null}""")]
    [InlineData("""{"status":"NEW"}""")]
    [InlineData("""{"assignee":""}""")]
    [InlineData("""{"status":"NEW","assignee":"","reason":"no change"}""")]
    [InlineData("""{"reason":"nothing else"}""")]
    public async Task A_request_that_changes_nothing_writes_nothing(string body)
    {
        var id = await caraway.OpenCase();
        var before = await caraway.Get($"/cases/{id}");

        var answer = await caraway.Patch($"/cases/{id}", body);

        Assert.Equal($$"""{"case_id":{{id}},"previous_status":"NEW","status":"NEW","assignee":null}""", answer.Body);
        Assert.Equal(before.Headers["ETag"], answer.Headers["ETag"]);
        Assert.Equal(before.Body, (await caraway.Get($"/cases/{id}")).Body);
        Assert.Equal("", await caraway.Database.Scalar<string>(Events, ("id", id)));
    }

    [Fact]
    public async Task The_empty_assignee_unassigns_and_null_leaves_it()
    {
        var id = await caraway.OpenCase();
        await caraway.Patch($"/cases/{id}", """{"assignee":"Ines"}""");

        Assert.Contains("\"assignee\":\"Ines\"", (await caraway.Patch($"/cases/{id}", """{"assignee":null}""")).Body, StringComparison.Ordinal);
        Assert.Contains("\"assignee\":null", (await caraway.Patch($"/cases/{id}", """{"assignee":""}""")).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_illegal_move_keeps_nothing_of_the_request()
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.Patch($"/cases/{id}", """{"status":"APPROVED","assignee":"Ines"}""");

        Assert.Equal("Invalid status transition NEW -> APPROVED", answer.IsProblem(409, "invalid_transition").Detail);
        Assert.Contains("NEW -> APPROVED", answer.Body, StringComparison.Ordinal);
        Assert.Contains("\"assignee\":null", (await caraway.Get($"/cases/{id}")).Body, StringComparison.Ordinal);
        Assert.Equal("", await caraway.Database.Scalar<string>(Events, ("id", id)));
    }

    [Fact]
    public async Task Who_does_not_say_is_the_system()
    {
        var id = await caraway.OpenCase();
        await caraway.Patch($"/cases/{id}", """{"status":"CLOSED","actor":" "}""");

        var move = (await caraway.Get($"/cases/{id}")).Json.GetProperty("status_events")[0];
        Assert.Equal(("system", null), (move.GetProperty("actor").GetString(), move.GetProperty("reason").GetString()));
    }

    [Fact]
    public async Task A_stale_version_is_412_and_a_note_makes_none_stale()
    {
        var id = await caraway.OpenCase();
        var tag = (await caraway.Get($"/cases/{id}")).Headers["ETag"];
        await caraway.Post($"/cases/{id}/notes", """{"author":"a","body":"b"}""");

        Assert.Equal(200, (await caraway.Patch($"/cases/{id}", """{"status":"IN_REVIEW"}""", ("If-Match", tag))).Status);

        foreach (var stale in new[] { tag, "W/\"v2\"", "\"other\"", "rubbish", "\"v2x\"" })
            (await caraway.Patch($"/cases/{id}", """{"status":"CLOSED"}""", ("If-Match", stale))).IsProblem(412, "stale_version");
        Assert.Equal(200, (await caraway.Patch($"/cases/{id}", """{"status":"NEEDS_INFO"}""", ("If-Match", "\"v9\", \"v2\""))).Status);
        Assert.Equal(200, (await caraway.Patch($"/cases/{id}", """{"status":"CLOSED"}""", ("If-Match", "*"))).Status);
    }

    [Theory]
    [InlineData("""{"status":"in_review"}""", "#/status")]
    [InlineData("""{"status":""}""", "#/status")]
    [InlineData("""{"status":"IN_REVIEW "}""", "#/status")]
    [InlineData("""{"status":1}""", "#/status")]
    [InlineData("""{"assignee":"  "}""", "#/assignee")]
    public async Task A_value_that_cannot_be_is_422(string body, string pointer)
    {
        var id = await caraway.OpenCase();
        Assert.Equal([pointer], (await caraway.Patch($"/cases/{id}", body)).IsProblem(422, "invalid").Pointers);
    }

    [Theory]
    [InlineData("assignee", 120)]
    [InlineData("actor", 120)]
    [InlineData("reason", 500)]
    public async Task Texts_have_their_limits(string field, int most)
    {
        var id = await caraway.OpenCase();
        var longest = string.Concat(Enumerable.Repeat("😀", most));

        Assert.Equal(200, (await caraway.Patch($"/cases/{id}", $$"""{"status":"IN_REVIEW","{{field}}":"{{longest}}"}""")).Status);
        Assert.Equal([$"#/{field}"], (await caraway.Patch($"/cases/{id}", $$"""{"{{field}}":"{{longest}}x"}""")).IsProblem(422, "invalid").Pointers);
    }

    [Fact]
    public async Task Strangers_and_unknown_cases_are_refused_in_that_order()
    {
        (await CarawayFixture.Send(caraway.Stranger, HttpMethod.Patch, "/cases/1", "{")).IsProblem(401, "api_key_required");
        (await caraway.Patch("/cases/987654321", """{"status":"CLOSED"}""", ("If-Match", "\"v1\""))).IsProblem(404, "case_not_found");
    }
}
