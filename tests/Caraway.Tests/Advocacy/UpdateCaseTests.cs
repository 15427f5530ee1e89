using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

public sealed class UpdateCaseTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_transition_with_an_assignment_is_one_change_with_two_events()
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.Patch($"/cases/{id}", """{"status":"IN_REVIEW","assignee":"Bo","actor":"Cy","reason":"complete"}""");

        Assert.Equal(200, answer.Status);
        Shape.Is($$"""{"case_id":{{id}},"previous_status":"NEW","status":"IN_REVIEW","assignee":"Bo"}""", answer);
        Assert.Equal("\"v2-n0\"", answer.Headers["ETag"]);
        await caraway.WroteEvents(
            answer, id, "Cy",
            ("case.moved", $$"""{"case_id":{{id}},"from_status":"NEW","to_status":"IN_REVIEW","reason":"complete"}"""),
            ("case.assigned", $$"""{"case_id":{{id}},"from_assignee":null,"to_assignee":"Bo","reason":"complete"}"""));
        await NewestStatusEventIs(id, "NEW", "IN_REVIEW", "\"Cy\"", "\"complete\"");
    }

    [Fact]
    public async Task A_transition_without_an_actor_is_by_the_system_and_on_nobodys_behalf()
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.Patch($"/cases/{id}", """{"status":"CLOSED"}""");

        await caraway.WroteEvent(
            answer, id, "case.moved", $$"""{"case_id":{{id}},"from_status":"NEW","to_status":"CLOSED","reason":null}""");
        await NewestStatusEventIs(id, "NEW", "CLOSED", "\"system\"", "null");
    }

    [Theory]
    [InlineData("null")]
    [InlineData("\"\"")]
    [InlineData("\"  \"")]
    public async Task An_empty_actor_is_the_system(string actor)
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.Patch($"/cases/{id}", $$"""{"status":"CLOSED","actor":{{actor}},"reason":null}""");

        Assert.Equal(200, answer.Status);
        await caraway.WroteEvent(
            answer, id, "case.moved", $$"""{"case_id":{{id}},"from_status":"NEW","to_status":"CLOSED","reason":null}""");
        await NewestStatusEventIs(id, "NEW", "CLOSED", "\"system\"", "null");
    }

    [Fact]
    public async Task An_assignment_alone_keeps_the_status()
    {
        var id = await caraway.OpenCase();

        var first = await caraway.Patch($"/cases/{id}", """{"assignee":"Bo"}""");
        var second = await caraway.Patch($"/cases/{id}", """{"assignee":"Cy","status":null,"reason":"holiday"}""");

        Shape.Is($$"""{"case_id":{{id}},"previous_status":"NEW","status":"NEW","assignee":"Cy"}""", second);
        await caraway.WroteEvent(
            first, id, "case.assigned", $$"""{"case_id":{{id}},"from_assignee":null,"to_assignee":"Bo","reason":null}""");
        await caraway.WroteEvent(
            second, id, "case.assigned", $$"""{"case_id":{{id}},"from_assignee":"Bo","to_assignee":"Cy","reason":"holiday"}""");
        Assert.Single(await caraway.Transitions(id));
    }

    [Fact]
    public async Task The_empty_assignee_unassigns()
    {
        var id = await caraway.OpenCase();
        await caraway.Patch($"/cases/{id}", """{"assignee":"Bo"}""");

        var answer = await caraway.Patch($"/cases/{id}", """{"assignee":""}""");

        Shape.Is($$"""{"case_id":{{id}},"previous_status":"NEW","status":"NEW","assignee":null}""", answer);
        await caraway.WroteEvent(
            answer, id, "case.assigned", $$"""{"case_id":{{id}},"from_assignee":"Bo","to_assignee":null,"reason":null}""");
        Assert.Null((await caraway.Get($"/cases/{id}")).Json.GetProperty("assignee").GetString());
    }

    [Fact]
    public async Task A_transition_keeps_the_assignee()
    {
        var id = await caraway.OpenCase();
        await caraway.Patch($"/cases/{id}", """{"assignee":"Bo"}""");

        var absent = await caraway.Patch($"/cases/{id}", """{"status":"IN_REVIEW"}""");
        var empty = await caraway.Patch($"/cases/{id}", """{"status":"SUBMITTED","assignee":null}""");

        Assert.Equal("Bo", absent.Json.GetProperty("assignee").GetString());
        Assert.Equal("Bo", empty.Json.GetProperty("assignee").GetString());
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"status":null,"assignee":null,"actor":null,"reason":null}""")]
    [InlineData("""{"status":"NEW"}""")]
    [InlineData("""{"assignee":"Bo"}""")]
    [InlineData("""{"status":"NEW","assignee":"Bo","actor":"Cy","reason":"again"}""")]
    [InlineData("""{"actor":"Cy","reason":"only talk"}""")]
    [InlineData("""{"state":"CLOSED","Status":"CLOSED","id":1,"version":9}""")]
    public async Task A_request_without_a_change_writes_nothing(string body)
    {
        var id = await caraway.OpenCase();
        await caraway.Patch($"/cases/{id}", """{"assignee":"Bo"}""");
        var tag = (await caraway.Get($"/cases/{id}")).Headers["ETag"];

        var answer = await caraway.WritesNothing(() => caraway.Patch($"/cases/{id}", body));

        Assert.Equal((200, tag), (answer.Status, answer.Headers["ETag"]));
        Shape.Is($$"""{"case_id":{{id}},"previous_status":"NEW","status":"NEW","assignee":"Bo"}""", answer);
    }

    [Fact]
    public async Task Unassigning_an_unassigned_case_writes_nothing()
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.WritesNothing(() => caraway.Patch($"/cases/{id}", """{"assignee":""}"""));

        Shape.Is($$"""{"case_id":{{id}},"previous_status":"NEW","status":"NEW","assignee":null}""", answer);
    }

    [Fact]
    public async Task An_illegal_transition_refuses_the_assignment_too()
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.WritesNothing(() => caraway.Patch($"/cases/{id}", """{"status":"APPROVED","assignee":"Bo"}"""));

        answer.IsProblem(409, "invalid_transition");
        Assert.Equal("Invalid status transition NEW -> APPROVED", answer.Detail);
    }

    [Fact]
    public async Task A_closed_case_can_still_be_assigned()
    {
        var id = await caraway.OpenCase();
        await caraway.Transition(id, "CLOSED");

        var answer = await caraway.Patch($"/cases/{id}", """{"status":"CLOSED","assignee":"Archive"}""");

        Shape.Is($$"""{"case_id":{{id}},"previous_status":"CLOSED","status":"CLOSED","assignee":"Archive"}""", answer);
        await caraway.WroteEvent(
            answer, id, "case.assigned", $$"""{"case_id":{{id}},"from_assignee":null,"to_assignee":"Archive","reason":null}""");
    }

    [Theory]
    [InlineData("\"new\"")]
    [InlineData("\"Closed\"")]
    [InlineData("\" CLOSED\"")]
    [InlineData("\"CLOSED \"")]
    [InlineData("\"\"")]
    [InlineData("\"OPEN\"")]
    [InlineData("\"IN REVIEW\"")]
    [InlineData("\"CLOSED\\n\"")]
    public async Task A_status_outside_the_table_is_refused(string status)
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.WritesNothing(() => caraway.Patch($"/cases/{id}", $$"""{"status":{{status}},"assignee":"Bo"}"""));

        answer.IsProblem(422, "invalid");
        Assert.Equal(["#/status"], answer.Pointers);
    }

    [Theory]
    [InlineData("status", "0")]
    [InlineData("status", """["CLOSED"]""")]
    [InlineData("assignee", "7")]
    [InlineData("assignee", "\"a\\u0000\"")]
    [InlineData("actor", "true")]
    [InlineData("reason", """{"a":1}""")]
    public async Task A_value_of_the_wrong_type_is_refused_at_its_place(string field, string value)
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.WritesNothing(() => caraway.Patch($"/cases/{id}", $$"""{"{{field}}":{{value}}}"""));

        answer.IsProblem(422, "invalid");
        Assert.Equal(["#/" + field], answer.Pointers);
    }

    [Theory]
    [InlineData("assignee", 120)]
    [InlineData("actor", 120)]
    [InlineData("reason", 500)]
    public async Task A_text_may_be_as_long_as_its_limit_counted_in_code_points(string field, int limit)
    {
        foreach (var letter in new[] { "x", "é", "😀" })
        {
            var id = await caraway.OpenCase();
            var longest = string.Concat(Enumerable.Repeat(letter, limit));

            var refused = await caraway.WritesNothing(
                () => caraway.Patch($"/cases/{id}", $$"""{"status":"CLOSED","{{field}}":"{{longest}}x"}"""));
            refused.IsProblem(422, "invalid");
            Assert.Equal(["#/" + field], refused.Pointers);
            Assert.Equal(200, (await caraway.Patch($"/cases/{id}", $$"""{"status":"CLOSED","{{field}}":"{{longest}}"}""")).Status);
            var read = (await caraway.Get($"/cases/{id}")).Json;
            Assert.Equal(longest, (field == "assignee" ? read : read.GetProperty("status_events")[0]).GetProperty(field).GetString());
        }
    }

    [Fact]
    public async Task An_assignee_of_white_space_only_is_refused()
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.WritesNothing(() => caraway.Patch($"/cases/{id}", """{"assignee":" \t"}"""));

        answer.IsProblem(422, "invalid");
        Assert.Equal(["#/assignee"], answer.Pointers);
    }

    [Theory, MemberData(nameof(Records.ForeignIds), MemberType = typeof(Records))]
    public async Task An_id_that_no_case_has_is_404(string id)
    {
        foreach (var body in new[] { "{}", """{"status":"CLOSED"}""" })
        {
            var answer = await caraway.WritesNothing(() => caraway.Patch($"/cases/{id}", body));
            answer.IsProblem(404, "case_not_found");
            Assert.Equal("Case not found", answer.Detail);
        }
    }

    [Fact]
    public async Task A_trailing_slash_makes_no_difference()
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.Patch($"/cases/{id}/", """{"status":"CLOSED"}""");

        Shape.Is($$"""{"case_id":{{id}},"previous_status":"NEW","status":"CLOSED","assignee":null}""", answer);
    }

    [Theory]
    [InlineData("", 400, "malformed_json")]
    [InlineData("{\"status\":", 400, "malformed_json")]
    [InlineData("[]", 422, "invalid")]
    [InlineData("null", 422, "invalid")]
    public async Task A_body_that_is_not_JSON_is_400_and_one_that_is_not_an_object_422(string body, int status, string code)
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.WritesNothing(() => caraway.Patch($"/cases/{id}", body));

        answer.IsProblem(status, code);
    }

    private async Task NewestStatusEventIs(long id, string before, string after, string actor, string reason)
    {
        var newest = (await caraway.Get($"/cases/{id}")).Json.GetProperty("status_events")[0];
        Shape.Is(
            $$"""
            {"id":{{newest.GetProperty("id").GetInt64()}},"case_id":{{id}},"from_status":"{{before}}","to_status":"{{after}}",
             "actor":{{actor}},"reason":{{reason}},"created_at":"(time)"}
            """,
            newest.GetRawText());
    }
}
