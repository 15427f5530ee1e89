using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

public sealed class NotesTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_note_is_added_and_recorded_on_its_authors_behalf()
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.Post($"/cases/{id}/notes", """{"author":"Bo","body":"Called."}""");

        Assert.Equal(201, answer.Status);
        var note = answer.Json.GetProperty("note_id").GetInt64();
        Shape.Is($$"""{"note_id":{{note}},"case_id":{{id}}}""", answer);
        Assert.Equal($"/cases/{id}/notes", answer.Headers["Location"]);
        await caraway.WroteEvent(answer, id, "case.note_added", $$"""{"case_id":{{id}},"note_id":{{note}},"author":"Bo"}""", "Bo");
    }

    [Fact]
    public async Task Notes_are_listed_newest_first()
    {
        var id = await caraway.OpenCase();
        var first = await Add(id, "Bo", "Called.");
        await Add(await caraway.OpenCase(), "Bo", "Elsewhere.");
        var second = await Add(id, "Cy", "  Wrote:\n\"Dear 李\" ☎ ");

        var answer = await caraway.Get($"/cases/{id}/notes");

        Assert.Equal(200, answer.Status);
        Shape.Is(
            $$"""
            {"items":[
             {"note_id":{{second}},"case_id":{{id}},"author":"Cy","body":"  Wrote:\n\"Dear 李\" ☎ ","created_at":"(time)"},
             {"note_id":{{first}},"case_id":{{id}},"author":"Bo","body":"Called.","created_at":"(time)"}]}
            """,
            answer);
    }

    [Fact]
    public async Task A_case_without_notes_has_an_empty_list()
    {
        var answer = await caraway.Get($"/cases/{await caraway.OpenCase()}/notes");

        Assert.Equal(200, answer.Status);
        Shape.Is("""{"items":[]}""", answer);
    }

    [Fact]
    public async Task A_closed_case_takes_notes()
    {
        var id = await caraway.OpenCase();
        await caraway.Transition(id, "CLOSED");

        Assert.Equal(201, (await caraway.Post($"/cases/{id}/notes", """{"author":"Bo","body":"Thanks came."}""")).Status);
        Assert.Single((await caraway.Get($"/cases/{id}/notes")).Json.GetProperty("items").EnumerateArray());
    }

    [Fact]
    public async Task A_note_changes_neither_status_nor_version()
    {
        var id = await caraway.OpenCase();
        var before = (await caraway.Get($"/cases/{id}")).Json;

        await Add(id, "Bo", "Called.");

        var after = (await caraway.Get($"/cases/{id}")).Json;
        Assert.Equal(1, await caraway.Version(id));
        Assert.Equal(before.GetProperty("status_events").GetRawText(), after.GetProperty("status_events").GetRawText());
    }

    [Fact]
    public async Task The_same_note_twice_is_two_notes()
    {
        var id = await caraway.OpenCase();

        Assert.True(await Add(id, "Bo", "Called.") < await Add(id, "Bo", "Called."));
    }

    [Theory]
    [InlineData("author", 120)]
    [InlineData("body", 10_000)]
    public async Task A_text_may_be_as_long_as_its_limit_counted_in_code_points(string field, int limit)
    {
        var id = await caraway.OpenCase();
        foreach (var letter in new[] { "x", "é", "😀" })
        {
            var longest = string.Concat(Enumerable.Repeat(letter, limit));

            Assert.Equal(201, (await caraway.Post($"/cases/{id}/notes", Note(field, longest))).Status);
            Assert.Equal(longest, (await caraway.Get($"/cases/{id}/notes")).Json.GetProperty("items")[0].GetProperty(field).GetString());
            var refused = await caraway.WritesNothing(() => caraway.Post($"/cases/{id}/notes", Note(field, longest + "x")));
            refused.IsProblem(422, "invalid");
            Assert.Equal(["#/" + field], refused.Pointers);
        }
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"author":null,"body":null}""")]
    [InlineData("""{"author":"","body":""}""")]
    [InlineData("""{"author":" ","body":"\t\n"}""")]
    [InlineData("""{"Author":"Bo","Body":"Called.","text":"Called."}""")]
    public async Task Author_and_body_are_needed_and_more_than_white_space(string body)
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.WritesNothing(() => caraway.Post($"/cases/{id}/notes", body));

        answer.IsProblem(422, "invalid");
        Assert.Equal(["#/author", "#/body"], answer.Pointers.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("author", "1")]
    [InlineData("author", """["Bo"]""")]
    [InlineData("body", "false")]
    [InlineData("body", "\"a\\u0000b\"")]
    [InlineData("body", "\"\\udc00\"")]
    public async Task A_value_of_the_wrong_type_is_refused_at_its_place(string field, string value)
    {
        var id = await caraway.OpenCase();
        var other = field == "body" ? "author" : "body";

        var answer = await caraway.WritesNothing(() => caraway.Post($"/cases/{id}/notes", $$"""{"{{other}}":"x","{{field}}":{{value}}}"""));

        answer.IsProblem(422, "invalid");
        Assert.Equal(["#/" + field], answer.Pointers);
    }

    [Fact]
    public async Task Unknown_fields_are_ignored()
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.Post(
            $"/cases/{id}/notes",
            """{"author":"Bo","body":"Called.","case_id":1234567,"note_id":7,"created_at":"2000-01-01T00:00:00Z","x":[{}]}""");

        Assert.Equal(201, answer.Status);
        var note = (await caraway.Get($"/cases/{id}/notes")).Json.GetProperty("items")[0];
        Assert.Equal(id, note.GetProperty("case_id").GetInt64());
        Assert.DoesNotContain("2000-01-01", note.GetRawText(), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Records.ForeignIds), MemberType = typeof(Records))]
    public async Task An_id_that_no_case_has_is_404(string id)
    {
        var added = await caraway.WritesNothing(() => caraway.Post($"/cases/{id}/notes", """{"author":"Bo","body":"Called."}"""));
        var listed = await caraway.Get($"/cases/{id}/notes");

        foreach (var answer in new[] { added, listed })
        {
            answer.IsProblem(404, "case_not_found");
            Assert.Equal("Case not found", answer.Detail);
        }
    }

    [Fact]
    public async Task A_trailing_slash_makes_no_difference()
    {
        var id = await caraway.OpenCase();

        var added = await caraway.Post($"/cases/{id}/notes/", """{"author":"Bo","body":"Called."}""");

        Assert.Equal((201, $"/cases/{id}/notes"), (added.Status, added.Headers["Location"]));
        Assert.Equal((await caraway.Get($"/cases/{id}/notes")).Body, (await caraway.Get($"/cases/{id}/notes/")).Body);
    }

    [Theory]
    [InlineData("", 400, "malformed_json")]
    [InlineData("{\"author\"}", 400, "malformed_json")]
    [InlineData("[]", 422, "invalid")]
    public async Task A_body_that_is_not_JSON_is_400_and_one_that_is_not_an_object_422(string body, int status, string code)
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.WritesNothing(() => caraway.Post($"/cases/{id}/notes", body));

        answer.IsProblem(status, code);
    }

    private static string Note(string field, string value) =>
        field == "body" ? $$"""{"author":"Bo","body":"{{value}}"}""" : $$"""{"author":"{{value}}","body":"Called."}""";

    private async Task<long> Add(long id, string author, string body)
    {
        var answer = await caraway.Post(
            $"/cases/{id}/notes", $$"""{"author":{{CarawayFixture.Quote(author)}},"body":{{CarawayFixture.Quote(body)}}}""");
        Assert.Equal(201, answer.Status);
        return answer.Json.GetProperty("note_id").GetInt64();
    }
}
