using System.Text.Json;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;

namespace Caraway.Support.Files;

/// <summary>
/// The job <c>import_cases</c>: writes the next chunk of an import whose rows are staged, removes these rows, and queues the job of the
/// chunk after it, all in the job's own transaction.
/// </summary>
internal sealed class ImportJob(JobSignal signal, TimeProvider time) : IJobHandler
{
    public const string Queue = "imports";

    internal const string UnstageSql = """
        with taken as (
            delete from support.import_rows where import_id = @Id and place > @Begun and place <= @Ended returning place, content
        )
        select content from taken order by place
        """;

    /// <summary>The last row of the next chunk.</summary>
    internal static readonly string LastSql = $"""
        select coalesce(
            (
                select max(place) from (
                    select place, row_number() over (order by place) as rows, sum(octet_length(content)) over (order by place) as length
                    from (
                        select place, content from support.import_rows where import_id = @id order by place limit {CaseImport.ChunkSize}
                    ) next
                ) chunk
                where rows = 1 or length <= {CaseImport.ChunkLength}
            ),
            (select rows from support.imports where id = @id))
        """;

    private const string NextSql = $"""
        {JobQueue.Insert}
        values ('imports', 'import_cases', 'support.import:' || @id, json_build_object('import_id', @id)::text, @now, @now, @now)
        {JobQueue.OnConflict} do nothing
        """;

    public string Kind => "import_cases";

    /// <summary>Each chunk is a transaction of its own.</summary>
    public int Most => 1;

    public async Task<IReadOnlyList<JobResult>> Handle(IReadOnlyList<Job> jobs, Database database, CancellationToken cancel)
    {
        var id = IdOf(jobs[0]);
        var now = time.GetUtcNow().UtcDateTime;
        var last = await database.First<long?>(LastSql, new { id }, cancel) ?? 0;
        var import = await ImportRun.Advance(id, last, part => Unstage(part, database, cancel), now, database, cancel);
        if (import is null)
            return [new JobResult("ended_before")];
        if (import.IsEnded)
            return [new JobResult("imported")];
        await database.Execute(NextSql, new { id, now }, cancel);
        database.AfterCommit(() => signal.Queued(Queue));
        return [new JobResult("continued")];
    }

    public Task Park(Job job, string sentence, Database database, CancellationToken cancel) =>
        ImportTable.Park(IdOf(job), sentence, time.GetUtcNow().UtcDateTime, database, cancel);

    private static async Task<IEnumerable<ImportRow>> Unstage(ImportRun.Part part, Database database, CancellationToken cancel) =>
        (await database.List<string>(UnstageSql, new { part.Id, part.Begun, part.Ended }, cancel))
            .Select(content => JsonSerializer.Deserialize(content, SupportJson.Default.ImportRow)!);

    private static long IdOf(Job job) => job.Number("import_id");
}
