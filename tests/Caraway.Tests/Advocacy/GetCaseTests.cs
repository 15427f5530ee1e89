using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

public sealed class GetCaseTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_case_comes_with_its_applicant_status_events_and_notes_newest_first()
    {
        var id = await caraway.OpenCase("Ada Lovelace", "Denied.");
        await caraway.Patch($"/cases/{id}", """{"status":"IN_REVIEW","assignee":"Bo","actor":"Cy","reason":"complete"}""");
        var first = (await caraway.Post($"/cases/{id}/notes", """{"author":"Bo","body":"Called."}""")).Json.GetProperty("note_id");
        var second = (await caraway.Post($"/cases/{id}/notes", """{"author":"Cy","body":"Wrote."}""")).Json.GetProperty("note_id");

        var answer = await caraway.Get($"/cases/{id}");

        Assert.Equal(200, answer.Status);
        var events = answer.Json.GetProperty("status_events").EnumerateArray().Select(e => e.GetProperty("id").GetInt64()).ToArray();
        Assert.True(events[0] > events[1]);
        Shape.Is(
            $$"""
            {"id":{{id}},"narrative":"Denied.","current_status":"IN_REVIEW","assignee":"Bo","created_at":"(time)","updated_at":"(time)",
             "applicant":{"id":{{answer.Json.GetProperty("applicant").GetProperty("id").GetInt64()}},"full_name":"Ada Lovelace",
               "email":null,"phone":null,"created_at":"(time)"},
             "status_events":[
              {"id":{{events[0]}},"case_id":{{id}},"from_status":"NEW","to_status":"IN_REVIEW","actor":"Cy","reason":"complete",
                "created_at":"(time)"},
              {"id":{{events[1]}},"case_id":{{id}},"from_status":null,"to_status":"NEW","actor":"system",
              "reason":"case created from intake","created_at":"(time)"}],
             "notes":[
              {"note_id":{{second}},"case_id":{{id}},"author":"Cy","body":"Wrote.","created_at":"(time)"},
              {"note_id":{{first}},"case_id":{{id}},"author":"Bo","body":"Called.","created_at":"(time)"}],
             "allowed_transitions":["NEEDS_INFO","SUBMITTED","CLOSED"]}
            """,
            answer);
    }

    [Fact]
    public async Task A_case_shows_nothing_of_its_neighbours()
    {
        var id = await caraway.OpenCase();
        var neighbour = await caraway.OpenCase();
        await caraway.Post($"/cases/{neighbour}/notes", """{"author":"Bo","body":"Called."}""");
        await caraway.Transition(neighbour, "CLOSED");

        var answer = await caraway.Get($"/cases/{id}");

        Assert.Empty(answer.Json.GetProperty("notes").EnumerateArray());
        Assert.Single(answer.Json.GetProperty("status_events").EnumerateArray());
    }

    [Fact]
    public async Task The_allowed_transitions_are_those_of_the_table()
    {
        foreach (var status in CaseContract.Statuses)
        {
            var id = await caraway.OpenCase();
            await caraway.Transition(id, CaseContract.WayTo(status));

            var answer = await caraway.Get($"/cases/{id}");

            Assert.Equal(status, answer.Json.GetProperty("current_status").GetString());
            Assert.Equal(
                CaseContract.From(status), answer.Json.GetProperty("allowed_transitions").EnumerateArray().Select(s => s.GetString()));
        }
    }

    [Theory, MemberData(nameof(Records.ForeignIds), MemberType = typeof(Records))]
    public async Task An_id_that_no_case_has_is_404(string id)
    {
        var answer = await caraway.Get($"/cases/{id}");

        answer.IsProblem(404, "case_not_found");
        Assert.Equal("Case not found", answer.Detail);
    }

    [Fact]
    public async Task A_trailing_slash_makes_no_difference()
    {
        var id = await caraway.OpenCase();

        var (plain, slash) = (await caraway.Get($"/cases/{id}"), await caraway.Get($"/cases/{id}/"));

        Assert.Equal((200, plain.Body, plain.Headers["ETag"]), (slash.Status, slash.Body, slash.Headers["ETag"]));
    }

    [Fact]
    public async Task A_change_raises_updated_at_and_keeps_created_at()
    {
        var id = await caraway.OpenCase();
        var before = (await caraway.Get($"/cases/{id}")).Json;

        await caraway.Transition(id, "IN_REVIEW");
        var after = (await caraway.Get($"/cases/{id}")).Json;

        Assert.Equal(before.GetProperty("created_at").GetString(), before.GetProperty("updated_at").GetString());
        Assert.Equal(before.GetProperty("created_at").GetString(), after.GetProperty("created_at").GetString());
        Assert.True(string.CompareOrdinal(after.GetProperty("updated_at").GetString(), before.GetProperty("updated_at").GetString()) > 0);
        Assert.Equal(
            after.GetProperty("updated_at").GetString(), after.GetProperty("status_events")[0].GetProperty("created_at").GetString());
    }

    [Fact]
    public async Task The_tag_changes_only_with_a_transition_an_assignment_or_a_note()
    {
        var id = await caraway.OpenCase();
        var tags = new List<string> { await Tag(id) };

        await caraway.Transition(id, "IN_REVIEW");
        tags.Add(await Tag(id));
        await caraway.Patch($"/cases/{id}", """{"assignee":"Bo"}""");
        tags.Add(await Tag(id));
        await caraway.Post($"/cases/{id}/notes", """{"author":"Bo","body":"Called."}""");
        tags.Add(await Tag(id));

        Assert.Equal(tags.Count, tags.Distinct(StringComparer.Ordinal).Count());
        Assert.All(tags, tag => Assert.Matches("^\"v[0-9]+-n[0-9]+\"$", tag));
        await caraway.Patch($"/cases/{id}", """{"status":"IN_REVIEW","assignee":"Bo"}""");
        await caraway.Patch($"/cases/{id}", """{"status":"APPROVED"}""");
        Assert.Equal(tags[^1], await Tag(id));
    }

    [Fact]
    public async Task A_caller_who_has_the_answer_gets_304_without_a_body()
    {
        var id = await caraway.OpenCase();
        var tag = await Tag(id);

        foreach (var known in new[] { tag, "W/" + tag, $"\"other\", {tag}", "*" })
        {
            var answer = await caraway.Get($"/cases/{id}", ("If-None-Match", known));
            Assert.Equal((304, "", tag), (answer.Status, answer.Body, answer.Headers["ETag"]));
        }
    }

    [Fact]
    public async Task A_tag_from_before_a_note_does_not_match()
    {
        var id = await caraway.OpenCase();
        var tag = await Tag(id);
        await caraway.Post($"/cases/{id}/notes", """{"author":"Bo","body":"Called."}""");

        foreach (var old in new[] { tag, "\"v1\"", "\"\"", "nonsense" })
            Assert.Equal(200, (await caraway.Get($"/cases/{id}", ("If-None-Match", old))).Status);
    }

    [Fact]
    public async Task The_tag_of_one_case_does_not_hide_the_404_of_an_unknown_one()
    {
        var answer = await caraway.Get("/cases/999999999", ("If-None-Match", "*"));

        answer.IsProblem(404, "case_not_found");
    }

    private async Task<string> Tag(long id) => (await caraway.Get($"/cases/{id}")).Headers["ETag"];
}
