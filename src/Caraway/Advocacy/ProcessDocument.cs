using System.Text.Json;
using Caraway.Platform.Events;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;

namespace Caraway.Advocacy;

/// <summary>
/// The job <c>process_document</c>: checks that a document's extension and content type agree, records the findings, and sets the document
/// to PROCESSED or to FAILED with a sentence for people. It never fetches the URI, because callers may name any address.
/// </summary>
internal sealed class ProcessDocument(TimeProvider time) : IJobHandler
{
    public const string Queue = "documents";

    private const string BeginSql = """
        with begun as materialized (
            select id from advocacy.documents where id = any(@ids::bigint[]) and status <> 'PROCESSING' order by id for no key update
        )
        update advocacy.documents d set status = 'PROCESSING', updated_at = @now from begun where d.id = begun.id
        """;

    /// <summary>Locks the cases, whose events these are, and then the documents. Every worker locks in the order of ids.</summary>
    private const string Read = """
        with parent as materialized (
            select id from advocacy.cases
            where id in (select case_id from advocacy.documents where id = any(@ids::bigint[]))
            order by id for no key update
        )
        select d.id, d.filename, d.content_type
        from advocacy.documents d join parent p on p.id = d.case_id
        where d.id = any(@ids::bigint[])
        order by d.id for no key update of d
        """;

    /// <summary>Two concurrent jobs for one document give it the same result, and each writes its event.</summary>
    private const string Write = $"""
        with done as (
            update advocacy.documents d
            set status = r.status, error_message = r.sentence, findings = r.findings, updated_at = @now
            from unnest(@ids::bigint[], @statuses::text[], @sentences::text[], @findings::text[]) r (id, status, sentence, findings)
            where d.id = r.id
            returning d.id, d.case_id, d.status, d.error_message
        )
        {EventSql.InsertWithoutRequest}
        select @now, case status when 'PROCESSED' then 'case.document_processed' else 'case.document_failed' end,
            'advocacy.case:' || case_id, 'worker',
            json_build_object('case_id', case_id, 'document_id', id, 'error_message', error_message)::text
        from done order by id
        """;

    public string Kind => "process_document";

    private sealed record Row(long Id, string Filename, string? ContentType);

    public Task Begin(IReadOnlyList<Job> jobs, Database database, CancellationToken cancel) =>
        database.Execute(BeginSql, new { ids = Ids(jobs), now = time.GetUtcNow().UtcDateTime }, cancel);

    public async Task<IReadOnlyList<JobResult>> Handle(IReadOnlyList<Job> jobs, Database database, CancellationToken cancel)
    {
        var rows = await database.List<Row>(Read, new { ids = Ids(jobs) }, cancel);
        var findings = rows.Select(row => DocumentCheck.Inspect(row.Filename, row.ContentType)).ToList();
        await database.Execute(
            Write,
            new
            {
                ids = rows.Select(row => row.Id).ToArray(),
                statuses = findings.Select(found => found.Problem is null ? "PROCESSED" : "FAILED").ToArray(),
                sentences = findings.Select(found => found.Problem).ToArray(),
                findings = findings.Select(found => JsonSerializer.Serialize(found, AdvocacyJson.Default.DocumentFindings)).ToArray(),
                now = time.GetUtcNow().UtcDateTime,
            },
            cancel);

        // A rejected document is a successful job with a negative result.
        var results = rows.Zip(findings).ToDictionary(
            pair => pair.First.Id, pair => new JobResult(pair.Second.Problem is null ? "processed" : "rejected"));
        return [.. jobs.Select(job => results.GetValueOrDefault(job.Number("document_id")) ?? JobResult.Failed("The document is gone."))];
    }

    public async Task Park(Job job, string sentence, Database database, CancellationToken cancel)
    {
        await database.List<Row>(Read, new { ids = Ids([job]) }, cancel);
        await database.Execute(
            Write,
            new
            {
                ids = Ids([job]), statuses = new[] { "FAILED" }, sentences = new[] { sentence }, findings = new string?[] { null },
                now = time.GetUtcNow().UtcDateTime,
            },
            cancel);
    }

    private static long[] Ids(IEnumerable<Job> jobs) => [.. jobs.Select(job => job.Number("document_id")).Distinct()];
}
