using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

public sealed class NotesTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_note_is_added_listed_and_told_without_its_body()
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.Post($"/cases/{id}/notes", """{"author":"Ines","body":"Called the surgeon."}""");

        var note = answer.Json.GetProperty("note_id").GetInt64();
        Assert.Equal((201, $$"""{"note_id":{{note}},"case_id":{{id}}}"""), (answer.Status, answer.Body));
        var list = await caraway.Get($"/cases/{id}/notes");
        Assert.StartsWith($$"""{"items":[{"note_id":{{note}},"case_id":{{id}},"author":"Ines","body":"Called the surgeon.","created_at":"20""", list.Body, StringComparison.Ordinal);
        Assert.Equal(
            $$"""apikey:environment Ines {"case_id" : {{id}}, "note_id" : {{note}}, "author" : "Ines"}""",
            await caraway.Database.Scalar<string>("select actor || ' ' || on_behalf_of || ' ' || payload from platform.events where name = 'case.note_added' and subject = 'advocacy.case:' || @id", ("id", id)));
    }

    [Fact]
    public async Task Notes_come_newest_first_and_closed_cases_take_them()
    {
        var id = await caraway.OpenCase();
        await caraway.Move(id, "CLOSED");
        foreach (var body in new[] { "one", "two", "three" })
            Assert.Equal(201, (await caraway.Post($"/cases/{id}/notes", $$"""{"author":"a","body":"{{body}}"}""")).Status);

        Assert.Equal(["three", "two", "one"], (await caraway.Get($"/cases/{id}/notes")).Json.GetProperty("items").EnumerateArray().Select(n => n.GetProperty("body").GetString()));
    }

    [Fact]
    public async Task A_case_without_notes_has_an_empty_list() =>
        Assert.Equal("""{"items":[]}""", (await caraway.Get($"/cases/{await caraway.OpenCase()}/notes")).Body);

    [Theory]
    [InlineData("{}", "#/author #/body")]
    [InlineData("""{"author":null,"body":null}""", "#/author #/body")]
    [InlineData("""{"author":"","body":"x"}""", "#/author")]
    [InlineData("""{"author":" \t","body":"\n"}""", "#/author #/body")]
    public async Task Author_and_body_are_needed(string body, string pointers)
    {
        var id = await caraway.OpenCase();
        Assert.Equal(pointers.Split(' '), (await caraway.Post($"/cases/{id}/notes", body)).IsProblem(422, "invalid").Pointers.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(120, 10_000, 201)]
    [InlineData(121, 1, 422)]
    [InlineData(1, 10_001, 422)]
    public async Task Author_and_body_have_their_limits(int author, int body, int status)
    {
        var id = await caraway.OpenCase();
        Assert.Equal(status, (await caraway.Post($"/cases/{id}/notes", $$"""{"author":"{{new string('é', author)}}","body":"{{new string('é', body)}}"}""")).Status);
    }

    [Fact]
    public async Task An_unknown_case_takes_no_note_and_leaves_no_event()
    {
        (await caraway.Post("/cases/987654321/notes", """{"author":"a","body":"b"}""")).IsProblem(404, "case_not_found");
        (await caraway.Get("/cases/987654321/notes")).IsProblem(404, "case_not_found");
        Assert.Equal(0, await caraway.Database.Scalar<long>("select count(*) from platform.events where subject = 'advocacy.case:987654321'"));
    }
}
