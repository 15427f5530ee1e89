using System.Text.Json;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

/// <summary>The timeline of a case has each change at once.</summary>
public sealed class CaseTimelineTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_timeline_shows_every_event_and_the_bodies_of_notes()
    {
        var id = await caraway.OpenCase();
        await caraway.OpenCase();
        await caraway.Patch($"/cases/{id}", """{"status":"IN_REVIEW","assignee":"desk 3","actor":"Anna","reason":"why"}""");
        var added = await caraway.Post($"/cases/{id}/notes", """{"author":"Bert","body":"A \"body\"\nof two lines"}""");
        var note = added.Json.GetProperty("note_id").GetInt64();
        var uploaded = await caraway.Post($"/cases/{id}/documents", """{"filename":"letter.pdf"}""");
        var document = uploaded.Json.GetProperty("document_id").GetInt64();

        var answer = await caraway.Get($"/cases/{id}/timeline");

        Assert.Equal(200, answer.Status);
        var ids = Ids(answer);
        var opened = answer.Json.GetProperty("items")[4].GetProperty("payload");
        string Common(int n, string behalf) => $$"""
            "id":{{ids[n]}},"time":"(time)","subject":"advocacy.case:{{id}}","actor":"apikey:environment","on_behalf_of":{{behalf}}
            """;
        Shape.Is(
            $$$"""
            {"items":[
             { {{{Common(0, "null")}}},"event_name":"case.document_added","payload":{"case_id":{{{id}}},"document_id":{{{document}}},
               "filename":"letter.pdf"}},
             { {{{Common(1, "\"Bert\"")}}},"event_name":"case.note_added","payload":{"case_id":{{{id}}},"note_id":{{{note}}},
               "author":"Bert","body":"A \"body\"\nof two lines"}},
             { {{{Common(2, "\"Anna\"")}}},"event_name":"case.assigned","payload":{"case_id":{{{id}}},"from_assignee":null,
               "to_assignee":"desk 3","reason":"why"}},
             { {{{Common(3, "\"Anna\"")}}},"event_name":"case.moved","payload":{"case_id":{{{id}}},"from_status":"NEW",
               "to_status":"IN_REVIEW","reason":"why"}},
             { {{{Common(4, "null")}}},"event_name":"case.opened","payload":{"case_id":{{{id}}},
               "applicant_id":{{{opened.GetProperty("applicant_id")}}},"external_reference":null,"patient_id":null}}],
             "next_cursor":null}
            """,
            answer);
        Assert.Equal(ids.OrderDescending(), ids);
    }

    [Fact]
    public async Task An_erased_event_stays_without_its_payload()
    {
        var id = await caraway.OpenCase();
        await caraway.Post($"/cases/{id}/notes", """{"author":"Bert","body":"a body"}""");
        await caraway.Database.Execute($"update platform.events set payload = null, salt = null where subject = 'advocacy.case:{id}'");

        var answer = await caraway.Get($"/cases/{id}/timeline");

        Assert.Equal(
            ["case.note_added", "case.opened"],
            answer.Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("event_name").GetString()));
        Assert.All(
            answer.Json.GetProperty("items").EnumerateArray(),
            item => Assert.Equal(JsonValueKind.Null, item.GetProperty("payload").ValueKind));
    }

    [Fact]
    public async Task A_page_starts_where_the_page_before_ended()
    {
        var id = await caraway.OpenCase();
        for (var i = 0; i < 24; i++)
            await caraway.Post($"/cases/{id}/notes", $$"""{"author":"Bert","body":"note {{i}}"}""");
        var whole = await caraway.Get($"/cases/{id}/timeline?limit=100");
        Assert.Equal(25, Ids(whole).Length);
        Assert.Equal(20, Ids(await caraway.Get($"/cases/{id}/timeline")).Length);

        foreach (var limit in new[] { 1, 7, 24, 25 })
        {
            var seen = new List<long>();
            var cursor = "";
            do
            {
                var page = await caraway.Get($"/cases/{id}/timeline?limit={limit}&cursor={cursor}");
                Assert.InRange(Ids(page).Length, 1, limit);
                seen.AddRange(Ids(page));
                cursor = page.Json.GetProperty("next_cursor").ToString();
            }
            while (cursor.Length > 0);
            Assert.Equal(Ids(whole), seen);
        }

        Assert.Empty(Ids(await caraway.Get($"/cases/{id}/timeline?cursor={Ids(whole)[^1]}")));
    }

    [Theory]
    [MemberData(nameof(Records.ForeignIds), MemberType = typeof(Records))]
    public async Task An_unknown_case_has_no_timeline(string id) =>
        (await caraway.Get($"/cases/{id}/timeline")).IsProblem(404, "case_not_found");

    [Theory]
    [InlineData("limit=x", "limit")]
    [InlineData("limit=%00", "limit")]
    [InlineData("cursor=%20", "cursor")]
    [InlineData("cursor=1e3", "cursor")]
    public async Task An_invalid_limit_or_cursor_is_refused(string query, string name) =>
        Assert.Equal(
            ["#/" + name], (await caraway.Get($"/cases/{await caraway.OpenCase()}/timeline?{query}")).IsProblem(422, "invalid").Pointers);

    [Fact]
    public async Task A_timeline_needs_the_permission_to_read_cases()
    {
        var path = $"/cases/{await caraway.OpenCase()}/timeline";

        Assert.Equal(200, (await caraway.As(await caraway.Person("auditor"), HttpMethod.Get, path)).Status);
        Assert.Equal(403, (await caraway.As(await caraway.Person("doctor"), HttpMethod.Get, path)).Status);
        Assert.Equal(401, (await caraway.Anonymously(HttpMethod.Get, path, null)).Status);
    }

    private static long[] Ids(Answer answer) =>
        [.. answer.Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetInt64())];
}
