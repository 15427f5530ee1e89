using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

public sealed class GetCaseTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_case_comes_with_applicant_moves_and_notes_newest_first()
    {
        var opened = await caraway.Post("/intakes", """{"full_name":"Ada","email":"a@B.example","phone":"555","narrative":"Denied.","external_reference":"get-1"}""");
        var id = opened.Json.GetProperty("case_id").GetInt64();
        await caraway.Patch($"/cases/{id}", """{"status":"IN_REVIEW","assignee":"Ines","actor":"Ines","reason":"mine"}""");
        await caraway.Post($"/cases/{id}/notes", """{"author":"Ines","body":"first"}""");
        await caraway.Post($"/cases/{id}/notes", """{"author":"Ines","body":"second"}""");

        var json = (await caraway.Get($"/cases/{id}")).Json;

        Assert.Equal(
            ["id", "narrative", "current_status", "assignee", "created_at", "updated_at", "applicant", "status_events", "notes", "allowed_transitions"],
            json.EnumerateObject().Select(p => p.Name));
        Assert.Equal(("Denied.", "IN_REVIEW", "Ines"), (json.GetProperty("narrative").GetString(), json.GetProperty("current_status").GetString(), json.GetProperty("assignee").GetString()));
        var applicant = json.GetProperty("applicant");
        Assert.Equal(["id", "full_name", "email", "phone", "created_at"], applicant.EnumerateObject().Select(p => p.Name));
        Assert.Equal(("Ada", "a@b.example", "555"), (applicant.GetProperty("full_name").GetString(), applicant.GetProperty("email").GetString(), applicant.GetProperty("phone").GetString()));
        var moves = json.GetProperty("status_events").EnumerateArray().ToList();
        Assert.Equal(["id", "case_id", "from_status", "to_status", "actor", "reason", "created_at"], moves[0].EnumerateObject().Select(p => p.Name));
        Assert.Equal(
            ["NEW>IN_REVIEW Ines: mine", ">NEW system: case created from intake"],
            moves.Select(m => $"{m.GetProperty("from_status").GetString()}>{m.GetProperty("to_status").GetString()} {m.GetProperty("actor").GetString()}: {m.GetProperty("reason").GetString()}"));
        var notes = json.GetProperty("notes").EnumerateArray().ToList();
        Assert.Equal(["note_id", "case_id", "author", "body", "created_at"], notes[0].EnumerateObject().Select(p => p.Name));
        Assert.Equal(["second", "first"], notes.Select(n => n.GetProperty("body").GetString()));
    }

    [Fact]
    public async Task The_tag_covers_the_notes_and_a_known_answer_is_304()
    {
        var id = await caraway.OpenCase();
        var tag = (await caraway.Get($"/cases/{id}")).Headers["ETag"];
        Assert.Equal("\"v1-n0\"", tag);

        var known = await caraway.Get($"/cases/{id}", ("If-None-Match", tag));
        Assert.Equal((304, "", tag), (known.Status, known.Body, known.Headers["ETag"]));
        Assert.Equal(304, (await caraway.Get($"/cases/{id}", ("If-None-Match", $"\"x\", W/{tag}"))).Status);
        Assert.Equal(304, (await caraway.Get($"/cases/{id}", ("If-None-Match", "*"))).Status);

        await caraway.Post($"/cases/{id}/notes", """{"author":"a","body":"b"}""");
        var changed = await caraway.Get($"/cases/{id}", ("If-None-Match", tag));
        Assert.Equal(200, changed.Status);
        Assert.NotEqual(tag, changed.Headers["ETag"]);
        Assert.StartsWith("\"v1-n", changed.Headers["ETag"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task HEAD_is_GET_without_the_body()
    {
        var id = await caraway.OpenCase();
        var head = await caraway.Send(HttpMethod.Head, $"/cases/{id}");
        Assert.Equal((200, "", "\"v1-n0\""), (head.Status, head.Body, head.Headers["ETag"]));
    }

    [Fact]
    public async Task A_trailing_slash_makes_no_difference()
    {
        var id = await caraway.OpenCase();
        Assert.Equal((await caraway.Get($"/cases/{id}")).Body, (await caraway.Get($"/cases/{id}/")).Body);
        Assert.Equal(200, (await caraway.Get("/cases/")).Status);
    }
}
