using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

public sealed class RequestProcessingTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Theory]
    [InlineData("succeeded")]
    [InlineData("failed")]
    public async Task A_document_whose_job_is_done_is_queued_again(string state)
    {
        var (id, document) = await AddDocument();
        await FinishJobs(document, state);

        var answer = await Request(document);

        Assert.Equal(202, answer.Status);
        Shape.Is($$"""{"status":"accepted","document_id":{{document}}}""", answer);
        Assert.Equal($"{state} queued", await JobsOf(document));
        await caraway.WroteEvent(answer, id, "case.document_processing_requested", $$"""{"case_id":{{id}},"document_id":{{document}}}""");
    }

    [Fact]
    public async Task A_new_job_is_due_at_once_and_names_its_document()
    {
        var (_, document) = await AddDocument();
        await FinishJobs(document, "succeeded");

        await Request(document);

        Shape.Is(
            $$"""{"queue":"documents","kind":"process_document","payload":{"document_id":{{document}}},"is_due":true}""",
            (await caraway.Database.Scalar<string>(
                """
                select json_build_object('queue', queue, 'kind', kind, 'payload', payload::json, 'is_due', run_at <= now())::text
                from platform.jobs where subject = 'advocacy.document:' || @document and state = 'queued'
                """,
                ("document", document)))!);
    }

    [Fact]
    public async Task A_waiting_document_is_not_queued_twice()
    {
        var (_, document) = await AddDocument();

        for (var time = 0; time < 5; time++)
        {
            var answer = await caraway.WritesNothing(() => Request(document));
            Assert.Equal(202, answer.Status);
            Shape.Is($$"""{"status":"accepted","document_id":{{document}}}""", answer);
        }

        Assert.Equal("queued", await JobsOf(document));
    }

    [Fact]
    public async Task A_document_in_processing_is_queued_once_more()
    {
        var (_, document) = await AddDocument();
        await FinishJobs(document, "running");

        Assert.Equal(202, (await Request(document)).Status);
        Assert.Equal(202, (await Request(document)).Status);

        Assert.Equal("running queued", await JobsOf(document));
    }

    [Fact]
    public async Task Twenty_requests_at_once_queue_one_job_and_write_one_event()
    {
        var (id, document) = await AddDocument();
        await FinishJobs(document, "succeeded");

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Request(document)));

        Assert.All(answers, answer => Assert.Equal(202, answer.Status));
        Assert.Equal("succeeded queued", await JobsOf(document));
        Assert.Equal(1, await caraway.Database.Scalar<long>(
            """
            select count(*) from platform.events
            where name = 'case.document_processing_requested' and subject = 'advocacy.case:' || @id
            """,
            ("id", id)));
    }

    [Fact]
    public async Task The_job_of_one_document_does_not_replace_that_of_another()
    {
        var (_, first) = await AddDocument();
        var (_, second) = await AddDocument();
        await FinishJobs(second, "failed");

        await Request(second);

        Assert.Equal(("queued", "failed queued"), (await JobsOf(first), await JobsOf(second)));
    }

    [Fact]
    public async Task A_body_is_ignored()
    {
        var (_, document) = await AddDocument();

        foreach (var body in new[] { "{}", """{"force":true}""", "{not json" })
            Assert.Equal(202, (await caraway.Post($"/internal/documents/{document}/process", body)).Status);
    }

    [Theory, MemberData(nameof(Records.ForeignIds), MemberType = typeof(Records))]
    public async Task An_id_that_no_document_has_is_404(string id)
    {
        var answer = await caraway.WritesNothing(() => caraway.Send(HttpMethod.Post, $"/internal/documents/{id}/process"));

        answer.IsProblem(404, "document_not_found");
        Assert.Equal("Document not found", answer.Detail);
    }

    [Fact]
    public async Task A_trailing_slash_makes_no_difference()
    {
        var (_, document) = await AddDocument();

        var answer = await caraway.Send(HttpMethod.Post, $"/internal/documents/{document}/process/");

        Assert.Equal(202, answer.Status);
        Shape.Is($$"""{"status":"accepted","document_id":{{document}}}""", answer);
    }

    private Task<Answer> Request(long document) => caraway.Send(HttpMethod.Post, $"/internal/documents/{document}/process");

    private async Task<(long Case, long Document)> AddDocument()
    {
        var id = await caraway.OpenCase();
        var answer = await caraway.Post($"/cases/{id}/documents", """{"filename":"a.pdf"}""");
        return (id, answer.Json.GetProperty("document_id").GetInt64());
    }

    /// <summary>Plays the worker that took the document's jobs.</summary>
    private Task FinishJobs(long document, string state) =>
        caraway.Database.Execute($"update platform.jobs set state = '{state}' where subject = 'advocacy.document:{document}'");

    private Task<string?> JobsOf(long document) =>
        caraway.Database.Scalar<string>(
            "select string_agg(state, ' ' order by id) from platform.jobs where subject = 'advocacy.document:' || @document",
            ("document", document));
}
