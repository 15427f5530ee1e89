using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

public sealed class DocumentsTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_reference_is_added_and_its_processing_is_queued()
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.Post(
            $"/cases/{id}/documents", """{"filename":"letter.pdf","content_type":"application/pdf","uri":"gs://bucket/letter.pdf"}""");

        Assert.Equal(201, answer.Status);
        var document = answer.Json.GetProperty("document_id").GetInt64();
        Shape.Is($$"""{"document_id":{{document}},"case_id":{{id}},"status":"UPLOADED"}""", answer);
        Assert.Equal($"/cases/{id}/documents", answer.Headers["Location"]);
        await caraway.WroteEvent(
            answer, id, "case.document_added", $$"""{"case_id":{{id}},"document_id":{{document}},"filename":"letter.pdf"}""");
        Shape.Is(
            $$"""[{"queue":"documents","kind":"process_document","payload":{"document_id":{{document}}},"state":"queued","is_due":true}]""",
            (await caraway.Database.Scalar<string>(
                """
                select json_agg(json_build_object('queue', queue, 'kind', kind, 'payload', payload::json, 'state', state, 'is_due',
                  run_at <= now()))::text
                from platform.jobs where subject = 'advocacy.document:' || @document
                """,
                ("document", document)))!);
    }

    [Fact]
    public async Task Documents_are_a_bare_array_newest_first()
    {
        var id = await caraway.OpenCase();
        var first = await Add(id, """{"filename":"a.pdf","content_type":"application/pdf","uri":"https://store.example/a b?c=%20"}""");
        await Add(await caraway.OpenCase(), """{"filename":"elsewhere.pdf"}""");
        var second = await Add(id, """{"filename":"Bescheid Ärztin 李.PDF"}""");

        var answer = await caraway.Get($"/cases/{id}/documents");

        Assert.Equal(200, answer.Status);
        Shape.Is(
            $$"""
            [{"document_id":{{second}},"case_id":{{id}},"filename":"Bescheid Ärztin 李.PDF","content_type":null,"gcs_uri":null,
              "status":"UPLOADED","error_message":null,"created_at":"(time)","updated_at":"(time)"},
             {"document_id":{{first}},"case_id":{{id}},"filename":"a.pdf","content_type":"application/pdf",
               "gcs_uri":"https://store.example/a b?c=%20",
              "status":"UPLOADED","error_message":null,"created_at":"(time)","updated_at":"(time)"}]
            """,
            answer);
    }

    [Fact]
    public async Task A_case_without_documents_has_an_empty_array()
    {
        var answer = await caraway.Get($"/cases/{await caraway.OpenCase()}/documents");

        Assert.Equal((200, "[]"), (answer.Status, answer.Body));
    }

    [Fact]
    public async Task A_failed_document_shows_its_sentence()
    {
        var id = await caraway.OpenCase();
        var document = await Add(id, """{"filename":"a.pdf"}""");
        await caraway.Database.Execute(
            $"update advocacy.documents set status = 'FAILED', error_message = 'The file is empty.' where id = {document}");

        var listed = (await caraway.Get($"/cases/{id}/documents")).Json[0];

        Assert.Equal(
            ("FAILED", "The file is empty."), (listed.GetProperty("status").GetString(), listed.GetProperty("error_message").GetString()));
    }

    [Fact]
    public async Task A_closed_case_takes_documents_and_a_document_leaves_the_cases_version()
    {
        var id = await caraway.OpenCase();
        await caraway.Transition(id, "CLOSED");
        var version = await caraway.Version(id);

        await Add(id, """{"filename":"decision.pdf"}""");

        Assert.Equal(version, await caraway.Version(id));
        Assert.Equal(2, (await caraway.Transitions(id)).Length);
    }

    [Fact]
    public async Task Absent_and_null_optional_fields_are_the_same()
    {
        var id = await caraway.OpenCase();
        await Add(id, """{"filename":"a.pdf"}""");
        await Add(id, """{"filename":"a.pdf","content_type":null,"uri":null}""");

        foreach (var document in (await caraway.Get($"/cases/{id}/documents")).Json.EnumerateArray())
            Assert.Equal((null, null), (document.GetProperty("content_type").GetString(), document.GetProperty("gcs_uri").GetString()));
    }

    [Theory]
    [InlineData("filename", 255)]
    [InlineData("content_type", 100)]
    [InlineData("uri", 500)]
    public async Task A_text_may_be_as_long_as_its_limit_counted_in_code_points(string field, int limit)
    {
        var id = await caraway.OpenCase();
        foreach (var letter in new[] { "x", "é", "😀" })
        {
            var longest = string.Concat(Enumerable.Repeat(letter, limit));

            await Add(id, Document(field, longest));
            var listed = (await caraway.Get($"/cases/{id}/documents")).Json[0];
            Assert.Equal(longest, listed.GetProperty(field == "uri" ? "gcs_uri" : field).GetString());
            await IsRefused(id, Document(field, longest + "x"), field);
        }
    }

    [Theory]
    [InlineData("/etc/passwd")]
    [InlineData("a/b.pdf")]
    [InlineData("b.pdf/")]
    [InlineData("../b.pdf")]
    [InlineData("..\\b.pdf")]
    [InlineData("C:\\letters\\b.pdf")]
    [InlineData("/")]
    [InlineData("\\")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a\nb.pdf")]
    [InlineData("a\tb.pdf")]
    [InlineData("a\u007fb.pdf")]
    [InlineData("a\u0085b.pdf")]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("\u2003")]
    public async Task A_filename_is_a_name_without_a_path(string filename)
    {
        await IsRefused(await caraway.OpenCase(), Document("filename", filename), "filename");
    }

    [Theory]
    [InlineData("..pdf")]
    [InlineData(".hidden")]
    [InlineData("...")]
    [InlineData("a..b")]
    [InlineData("100% \"sure\" & <b>'; drop table x;--")]
    [InlineData("no extension")]
    public async Task An_odd_filename_is_accepted(string filename)
    {
        var id = await caraway.OpenCase();

        await Add(id, Document("filename", filename));

        Assert.Equal(filename, (await caraway.Get($"/cases/{id}/documents")).Json[0].GetProperty("filename").GetString());
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"filename":null,"uri":"gs://bucket/a"}""")]
    [InlineData("""{"fileName":"a.pdf","Filename":"a.pdf"}""")]
    public async Task A_filename_is_needed(string body)
    {
        await IsRefused(await caraway.OpenCase(), body, "filename");
    }

    [Theory]
    [InlineData("filename", "1")]
    [InlineData("filename", "\"a\\u0000.pdf\"")]
    [InlineData("content_type", "{}")]
    [InlineData("uri", """["gs://a"]""")]
    [InlineData("uri", "\"gs://\\ud800\"")]
    public async Task A_value_of_the_wrong_type_is_refused_at_its_place(string field, string value)
    {
        var rest = field == "filename" ? "" : "\"filename\":\"a.pdf\",";

        await IsRefused(await caraway.OpenCase(), $$"""{{{rest}}"{{field}}":{{value}}}""", field);
    }

    [Fact]
    public async Task Unknown_fields_are_ignored()
    {
        var id = await caraway.OpenCase();

        await Add(
            id,
            """{"filename":"a.pdf","status":"PROCESSED","gcs_uri":"gs://not-this","error_message":"x","case_id":1,"size":{"bytes":7}}""");

        var listed = (await caraway.Get($"/cases/{id}/documents")).Json[0];
        Assert.Equal(("UPLOADED", null), (listed.GetProperty("status").GetString(), listed.GetProperty("gcs_uri").GetString()));
    }

    [Theory, MemberData(nameof(Records.ForeignIds), MemberType = typeof(Records))]
    public async Task An_id_that_no_case_has_is_404(string id)
    {
        var added = await caraway.WritesNothing(() => caraway.Post($"/cases/{id}/documents", """{"filename":"a.pdf"}"""));
        var listed = await caraway.Get($"/cases/{id}/documents");

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

        var added = await caraway.Post($"/cases/{id}/documents/", """{"filename":"a.pdf"}""");

        Assert.Equal((201, $"/cases/{id}/documents"), (added.Status, added.Headers["Location"]));
        Assert.Equal((await caraway.Get($"/cases/{id}/documents")).Body, (await caraway.Get($"/cases/{id}/documents/")).Body);
    }

    [Theory]
    [InlineData("", 400, "malformed_json")]
    [InlineData("{\"filename\":\"a.pdf\"", 400, "malformed_json")]
    [InlineData("[]", 422, "invalid")]
    public async Task A_body_that_is_not_JSON_is_400_and_one_that_is_not_an_object_422(string body, int status, string code)
    {
        var id = await caraway.OpenCase();

        var answer = await caraway.WritesNothing(() => caraway.Post($"/cases/{id}/documents", body));

        answer.IsProblem(status, code);
    }

    private static string Document(string field, string value) =>
        field == "filename"
            ? $$"""{"filename":{{CarawayFixture.Quote(value)}}}"""
            : $$"""{"filename":"a.pdf","{{field}}":{{CarawayFixture.Quote(value)}}}""";

    private async Task<long> Add(long id, string body)
    {
        var answer = await caraway.Post($"/cases/{id}/documents", body);
        Assert.Equal(201, answer.Status);
        return answer.Json.GetProperty("document_id").GetInt64();
    }

    private async Task IsRefused(long id, string body, string field)
    {
        var answer = await caraway.WritesNothing(() => caraway.Post($"/cases/{id}/documents", body));
        answer.IsProblem(422, "invalid");
        Assert.Contains("#/" + field, answer.Pointers);
        Assert.Single(answer.Pointers.Distinct(StringComparer.Ordinal));
    }
}
