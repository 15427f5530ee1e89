using Caraway.Platform.Postgres;

namespace Caraway.Support.Files;

/// <summary>
/// Writes the rows of an import in chunks. A chunk's cases and the progress of the import are one transaction, so a run can be killed and
/// continued, and two runs of one import share the work.
/// </summary>
internal static class ImportRun
{
    /// <summary>
    /// Locks the import and moves it on to the place <c>@last</c>. Earlier imports of the same file by the same sender tell which rows
    /// without an id have their cases already.
    /// </summary>
    internal const string AdvanceSql = """
        with found as (
            select i.id, i.done from support.imports i
            where i.id = @id and i.state in ('queued', 'running') for no key update
        )
        update support.imports i
        set state = 'running', done = greatest(i.done, least(@last, i.rows)), updated_at = @now
        from found f where i.id = f.id
        returning i.id, i.sender, i.request_id, i.address, f.done as begun, i.done as ended,
            coalesce((
                select max(o.done) from support.imports o where o.sender = i.sender and o.hash = i.hash and o.id <> i.id
            ), 0) as repeated
        """;

    internal const string CountSql = $"""
        update support.imports i
        set imported = i.imported + @imported, state = case when i.done = i.rows then 'succeeded' else i.state end, updated_at = @now
        where i.id = @id
        returning {ImportRecord.Columns}
        """;

    private const string AgainSql = $"select {ImportRecord.Columns} from support.imports i where i.id = @id";

    /// <summary>A part of an import that this transaction writes.</summary>
    /// <param name="Begun">Place of the last row before the part.</param>
    /// <param name="Ended">Place of the last row of the part.</param>
    /// <param name="Repeated">Up to this place, rows without an id were imported by an earlier import of the file.</param>
    internal sealed record Part(long Id, string Sender, string? RequestId, string? Address, long Begun, long Ended, long Repeated);

    /// <summary>Writes rows that are in hand, to the end of the import.</summary>
    /// <param name="rows">All rows of the file, in order.</param>
    /// <param name="show">Gets the number of rows that are done.</param>
    public static async Task<ImportRecord> Run(
        ImportRecord import, IAsyncEnumerable<ImportRow> rows, Action<long> show, Database database, TimeProvider time,
        CancellationToken cancel)
    {
        var last = import;
        await foreach (var chunk in CaseImport.Chunks(rows, cancel))
        {
            if (chunk[^1].Place > last.Done)
                last = await RunPart(import, chunk, database, time, cancel);
            show(last.Done);
        }

        return last.IsEnded ? last : await RunPart(import, [], database, time, cancel);
    }

    /// <summary>Writes the next part. Call it in a transaction.</summary>
    /// <param name="last">The place at which the part ends, or before it when the import has fewer rows.</param>
    /// <param name="find">Finds the rows of the part.</param>
    /// <returns>The import after the part; null when it has ended before.</returns>
    public static async Task<ImportRecord?> Advance(
        long id, long last, Func<Part, Task<IEnumerable<ImportRow>>> find, DateTime now, Database database, CancellationToken cancel)
    {
        if (await database.First<Part>(AdvanceSql, new { id, last, now }, cancel) is not { } part)
            return null;
        var source = new CaseImport.Source
        {
            ImportId = id, Sender = part.Sender, RequestId = part.RequestId, Address = part.Address,
        };
        ImportRow[] rows = [.. (await find(part)).Where(row => row.Id is not null || row.Place > part.Repeated)];
        var imported = await CaseImport.Write(rows, source, now, database, cancel);
        return await database.First<ImportRecord>(CountSql, new { id, imported, now }, cancel);
    }

    private static async Task<ImportRecord> RunPart(
        ImportRecord import, ImportRow[] chunk, Database database, TimeProvider time, CancellationToken cancel)
    {
        await database.Begin(cancel);
        try
        {
            var advanced = await Advance(
                import.Id, chunk.Length == 0 ? import.Rows : chunk[^1].Place,
                part => Task.FromResult(chunk.Where(row => row.Place > part.Begun && row.Place <= part.Ended)),
                time.GetUtcNow().UtcDateTime, database, cancel);
            advanced ??= await database.First<ImportRecord>(AgainSql, new { id = import.Id }, cancel);
            await database.Commit();
            return advanced ?? import;
        }
        finally
        {
            await database.DisposeAsync();
        }
    }
}
