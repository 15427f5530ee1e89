using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

public sealed class DocumentsTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Waiting = "select count(*) from platform.jobs where kind = 'process_document' and queue = 'documents' and state = 'queued' and subject = 'advocacy.document:' || @id";

    [Fact]
    public async Task A_document_is_added_listed_and_queued_with_its_event()
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.Post($"/cases/{id}/documents", """{"filename":"letter.pdf","content_type":"application/pdf","uri":"gs://letters/1.pdf"}""");

        var document = answer.Json.GetProperty("document_id").GetInt64();
        Assert.Equal((201, $$"""{"document_id":{{document}},"case_id":{{id}},"status":"UPLOADED"}"""), (answer.Status, answer.Body));
        Assert.StartsWith(
            $$"""[{"document_id":{{document}},"case_id":{{id}},"filename":"letter.pdf","content_type":"application/pdf","gcs_uri":"gs://letters/1.pdf","status":"UPLOADED","error_message":null,"created_at":"20""",
            (await caraway.Get($"/cases/{id}/documents")).Body,
            StringComparison.Ordinal);
        Assert.Equal(1, await caraway.Database.Scalar<long>(Waiting, ("id", document)));
        Assert.Equal(
            $$"""{"case_id" : {{id}}, "document_id" : {{document}}, "filename" : "letter.pdf"}""",
            await caraway.Database.Scalar<string>("select payload from platform.events where name = 'case.document_added' and subject = 'advocacy.case:' || @id", ("id", id)));
    }

    [Fact]
    public async Task Documents_come_newest_first_as_a_bare_array()
    {
        var id = await caraway.OpenCase();
        Assert.Equal("[]", (await caraway.Get($"/cases/{id}/documents")).Body);
        foreach (var name in new[] { "a", "b" })
            await caraway.Post($"/cases/{id}/documents", $$"""{"filename":"{{name}}"}""");

        Assert.Equal(["b", "a"], (await caraway.Get($"/cases/{id}/documents")).Json.EnumerateArray().Select(d => d.GetProperty("filename").GetString()));
    }

    [Fact]
    public async Task Processing_is_queued_once_however_often_it_is_asked_for()
    {
        var id = await caraway.OpenCase();
        var document = (await caraway.Post($"/cases/{id}/documents", """{"filename":"a.pdf"}""")).Json.GetProperty("document_id").GetInt64();
        await caraway.Database.Execute("update platform.jobs set state = 'succeeded'");

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => caraway.Send(HttpMethod.Post, $"/internal/documents/{document}/process")));

        Assert.All(answers, answer => Assert.Equal((202, $$"""{"status":"accepted","document_id":{{document}}}"""), (answer.Status, answer.Body)));
        Assert.Equal(1, await caraway.Database.Scalar<long>(Waiting, ("id", document)));
        Assert.Equal(1, await caraway.Database.Scalar<long>("select count(*) from platform.events where name = 'case.document_processing_requested' and subject = 'advocacy.case:' || @id", ("id", id)));
    }

    [Fact]
    public async Task An_unknown_document_or_case_is_refused()
    {
        Assert.Equal("Document not found", (await caraway.Send(HttpMethod.Post, "/internal/documents/987654321/process")).IsProblem(404, "document_not_found").Detail);
        (await caraway.Post("/cases/987654321/documents", """{"filename":"a"}""")).IsProblem(404, "case_not_found");
        (await caraway.Get("/cases/987654321/documents")).IsProblem(404, "case_not_found");
        (await CarawayFixture.Send(caraway.Stranger, HttpMethod.Post, "/internal/documents/1/process", null)).IsProblem(401, "api_key_required");
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"filename":null}""")]
    [InlineData("""{"filename":""}""")]
    [InlineData("""{"filename":" "}""")]
    [InlineData("""{"filename":"a/b.pdf"}""")]
    [InlineData("""{"filename":"..\\b.pdf"}""")]
    [InlineData("""{"filename":".."}""")]
    [InlineData("""{"filename":"."}""")]
    [InlineData("""{"filename":"a\nb"}""")]
    public async Task A_file_name_is_a_name(string body)
    {
        var id = await caraway.OpenCase();
        Assert.All((await caraway.Post($"/cases/{id}/documents", body)).IsProblem(422, "invalid").Pointers, pointer => Assert.Equal("#/filename", pointer));
        Assert.Equal("[]", (await caraway.Get($"/cases/{id}/documents")).Body);
    }

    [Theory]
    [InlineData("filename", 255)]
    [InlineData("content_type", 100)]
    [InlineData("uri", 500)]
    public async Task Texts_have_their_limits(string field, int most)
    {
        var id = await caraway.OpenCase();
        string Body(int length) => field == "filename"
            ? $$"""{"filename":"{{new string('x', length)}}"}"""
            : $$"""{"filename":"a","{{field}}":"{{new string('x', length)}}"}""";

        Assert.Equal(201, (await caraway.Post($"/cases/{id}/documents", Body(most))).Status);
        Assert.Equal([$"#/{field}"], (await caraway.Post($"/cases/{id}/documents", Body(most + 1))).IsProblem(422, "invalid").Pointers);
    }
}
