using Caraway.Platform.Postgres;
using Caraway.Platform.Security;

namespace Caraway.Support.Files;

/// <summary>
/// The rows of a file that is being received. A short file's rows stay in memory; those of a longer one are put into
/// <c>support.import_rows</c>, a chunk at a time.
/// </summary>
internal sealed class ImportStage(HashedStream body, Caller caller, Database database, TimeProvider time, CancellationToken cancel)
    : IAsyncDisposable
{
    /// <summary>A file with more bytes, or with more rows, is imported by a job.</summary>
    public const int MostBytes = 1024 * 1024;
    public const int MostRows = 25_000;

    private const int ChunkRows = 1_000;

    private readonly List<ImportRow> rows = [];
    private bool isKept;
    private long chunkBegan;

    /// <summary>The import in the state receiving; null while the file is short.</summary>
    public long? Id { get; private set; }

    public bool IsLong => Id is not null;

    /// <summary>The rows of a short file.</summary>
    public IReadOnlyList<ImportRow> Rows => rows;

    public async ValueTask Add(ImportRow row)
    {
        rows.Add(row);
        if (!IsLong && (body.Count > MostBytes || rows.Count > MostRows))
            await BecomeLong();
        if (IsLong && (rows.Count >= ChunkRows || body.Count - chunkBegan >= MostBytes))
            await Flush();
    }

    /// <summary>Looks at the size again, now that the file is known whole, and stages what is left of a long one.</summary>
    /// <param name="isGood">Whether the rows are needed.</param>
    public async Task Finish(bool isGood)
    {
        if (!IsLong && body.Count > MostBytes)
            await BecomeLong();
        if (IsLong && isGood && rows.Count > 0)
            await Flush();
    }

    /// <summary>Leaves the import to its job, or its faults to its sender.</summary>
    public void Keep() => isKept = true;

    /// <summary>Removes what was staged, unless it is kept. The request can be aborted by then.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Id is { } id && !isKept)
            await ImportTable.Drop(id, database, CancellationToken.None);
    }

    private async Task BecomeLong() =>
        Id = await ImportTable.Receive(caller.Id, caller.RequestId, caller.Address, Now, database, cancel);

    private async Task Flush()
    {
        await ImportTable.Stage(Id!.Value, rows, Now, database, cancel);
        rows.Clear();
        chunkBegan = body.Count;
    }

    private DateTime Now => time.GetUtcNow().UtcDateTime;
}
