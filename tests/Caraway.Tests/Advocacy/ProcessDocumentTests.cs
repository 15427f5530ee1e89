using Caraway.Advocacy;
using Caraway.Platform.Jobs;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Advocacy;

public sealed class ProcessDocumentTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private JobWorkers Jobs => caraway.Services.GetRequiredService<JobWorkers>();

    [Theory]
    [InlineData("letter.pdf", "application/pdf", null)]
    [InlineData("LETTER.PDF", "Application/PDF; version=1.7", null)]
    [InlineData("letter.pdf", null, null)]
    [InlineData("letter.pdf", "", null)]
    [InlineData("scan.jpeg", "image/jpeg", null)]
    [InlineData("scan.jpg", "application/octet-stream", null)]
    [InlineData("a.b.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", null)]
    [InlineData("letter", "application/pdf", "The file's name has no extension, so its kind cannot be told.")]
    [InlineData(".pdf", "application/pdf", "The file's name has no extension, so its kind cannot be told.")]
    [InlineData("letter.", "application/pdf", "The file's name has no extension, so its kind cannot be told.")]
    [InlineData("run.exe", "application/pdf", "Files of the kind .exe are not accepted.")]
    [InlineData("letter.pdf", "text/html", "The file's name says .pdf, but its content type says text/html. One of the two is wrong.")]
    public void Name_and_content_type_must_agree(string name, string? type, string? problem) =>
        Assert.Equal(problem, DocumentCheck.Inspect(name, type).Problem);

    [Fact]
    public async Task A_document_is_processed_once_and_its_event_says_so()
    {
        var (id, document) = await Add("letter.pdf", "application/pdf");

        while (await Jobs.Worker(ProcessDocument.Queue).RunOnce(default) > 0)
            await Task.Yield();

        Assert.Contains(
            "\"status\":\"PROCESSED\",\"error_message\":null",
            (await caraway.Get($"/cases/{id}/documents")).Body,
            StringComparison.Ordinal);
        Assert.Equal(
            1,
            await caraway.Database.Scalar<long>(
                """
                select count(*) from platform.events
                where name = 'case.document_processed' and actor = 'worker' and subject = 'advocacy.case:' || @id
                """,
                ("id", id)));
        Assert.Equal(
            "processed",
            await caraway.Database.Scalar<string>(
                "select outcome from platform.jobs where state = 'succeeded' and subject = 'advocacy.document:' || @id", ("id", document)));
        Assert.Equal(
            """{"extension":"pdf","content_type":"application/pdf","problem":null}""",
            await caraway.Database.Scalar<string>("select findings from advocacy.documents where id = @id", ("id", document)));
    }

    [Fact]
    public async Task A_document_that_does_not_fit_fails_with_a_sentence_and_can_be_processed_again()
    {
        var (id, document) = await Add("run.exe", "application/pdf");
        for (var run = 1; run <= 2; run++)
        {
            while (await Jobs.Worker(ProcessDocument.Queue).RunOnce(default) > 0)
                await Task.Yield();
            Assert.Contains(
                "\"status\":\"FAILED\",\"error_message\":\"Files of the kind .exe are not accepted.\"",
                (await caraway.Get($"/cases/{id}/documents")).Body,
                StringComparison.Ordinal);
            Assert.Equal(
                run,
                await caraway.Database.Scalar<long>(
                    "select count(*) from platform.events where name = 'case.document_failed' and subject = 'advocacy.case:' || @id",
                    ("id", id)));
            Assert.Equal(202, (await caraway.Send(HttpMethod.Post, $"/internal/documents/{document}/process")).Status);
        }
    }

    [Fact]
    public async Task A_documents_event_waits_for_the_lock_on_the_case()
    {
        var (id, _) = await Add("waits.pdf", "application/pdf");
        await using var other = await caraway.Database.Source.OpenConnectionAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using var hold = new Npgsql.NpgsqlCommand(
            $"select 1 from advocacy.cases where id = {id} for no key update", other, transaction);
        await hold.ExecuteScalarAsync();

        var working = Jobs.Worker(ProcessDocument.Queue).RunOnce(default);
        const string isWaiting =
            "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')";
        for (var tries = 0; !await caraway.Database.Scalar<bool>(isWaiting); tries++)
        {
            Assert.InRange(tries, 0, 200);
            await Task.Delay(20);
        }

        Assert.Contains("\"status\":\"PROCESSING\"", (await caraway.Get($"/cases/{id}/documents")).Body, StringComparison.Ordinal);
        await transaction.RollbackAsync();
        Assert.InRange(await working, 1, 50);
        Assert.Contains("\"status\":\"PROCESSED\"", (await caraway.Get($"/cases/{id}/documents")).Body, StringComparison.Ordinal);
    }

    private async Task<(long Case, long Document)> Add(string name, string type)
    {
        var id = await caraway.OpenCase();
        var answer = await caraway.Post(
            $"/cases/{id}/documents", $$"""{"filename":"{{name}}","content_type":"{{type}}","uri":"http://127.0.0.1:1/never-fetched"}""");
        return (id, answer.Json.GetProperty("document_id").GetInt64());
    }
}
