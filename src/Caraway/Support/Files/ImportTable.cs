using System.Text.Json;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;
using Npgsql;

namespace Caraway.Support.Files;

/// <summary>The statements of <c>support.imports</c> and <c>support.import_rows</c>.</summary>
internal static class ImportTable
{
    /// <summary>How long an import is known: its report, and that its file was imported.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(30);

    /// <summary>A file that nobody sends any more. The server ends slower senders.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(2);

    /// <summary>With letters of every language as they are: escaped, a text would be up to three times as long.</summary>
    private static readonly SupportJson Staged =
        new(new JsonSerializerOptions(SupportJson.Default.Options) { Encoder = JsonCaseWriter.Encoder });

    /// <summary>A file that is known whole, and who sent it.</summary>
    internal sealed record Order
    {
        public required string Sender { get; init; }

        public required byte[] Hash { get; init; }

        public byte[]? KeyHash { get; init; }

        public required long Rows { get; init; }

        public string? RequestId { get; init; }

        public string? Address { get; init; }
    }

    internal const string StartEvent = $"""
        {EventSql.Insert}
        select @now, 'case_import.started', 'support.import:' || id, @Sender, @RequestId, @Address,
            json_build_object('import_id', id, 'sha256', encode(@Hash, 'hex'), 'rows', @Rows)::text
        """;

    internal const string StartSql = $"""
        with started as (
            insert into support.imports as i (sender, hash, key_hash, state, rows, request_id, address, created_at, updated_at)
            values (@Sender, @Hash, @KeyHash, 'running', @Rows, @RequestId, @Address, @now, @now)
            on conflict (sender, hash) where state in ('queued', 'running') do nothing
            returning {ImportRecord.Columns}
        ), logged as (
            {StartEvent} from started
        )
        select * from started
        """;

    internal const string ReceiveSql = """
        insert into support.imports (sender, state, request_id, address, created_at, updated_at)
        values (@sender, 'receiving', @RequestId, @Address, @now, @now)
        returning id
        """;

    internal const string StageSql = """
        with alive as (
            update support.imports set updated_at = @now where id = @id
        )
        insert into support.import_rows (import_id, place, content)
        select @id, place, content from unnest(@places::bigint[], @contents::text[]) r (place, content)
        """;

    internal const string QueueSql = $"""
        with started as (
            update support.imports i
            set hash = @Hash, key_hash = @KeyHash, state = 'queued', rows = @Rows, updated_at = @now
            where id = @id
            returning {ImportRecord.Columns}
        ), queued as (
            {JobQueue.Insert}
            select 'imports', 'import_cases', 'support.import:' || id, json_build_object('import_id', id)::text, @now, @now, @now
            from started
        ), logged as (
            {StartEvent} from started
        )
        select * from started
        """;

    internal const string FailSql = $"""
        with emptied as (
            delete from support.import_rows where import_id = @id
        )
        update support.imports i
        set state = 'failed', hash = coalesce(@hash, hash), rows = coalesce(@rows, rows), errors = @errors, error_count = @count,
            updated_at = @now
        where id = @id
        returning {ImportRecord.Columns}
        """;

    internal const string RunningSql =
        $"select {ImportRecord.Columns} from support.imports i where sender = @Sender and hash = @Hash and state in ('queued', 'running')";

    internal const string ByKeySql = $"select {ImportRecord.Columns} from support.imports i where key_hash = @keyHash";

    /// <summary>An import that is being received is nobody's to see: its answer names it only when it is whole.</summary>
    internal const string FindSql = $"""
        select {ImportRecord.Columns} from support.imports i
        where id = @id and state <> 'receiving' and (@Owns or sender = any(@Me))
        """;

    private const string ForgetKeySql = "update support.imports set key_hash = null where key_hash = @keyHash and created_at <= @oldest";

    private const string DropSql = "delete from support.imports where id = @id";

    private const string CleanSql = """
        delete from support.imports where id in (
            select id from support.imports
            where (state = 'receiving' and updated_at < @paused) or (state <> 'queued' and updated_at < @oldest)
            order by id limit 100
            for update skip locked)
        """;

    /// <summary>Begins an import whose rows are in hand, or joins the one that runs already with the same file.</summary>
    /// <exception cref="PostgresException">The constraint <c>imports_key</c>: another import has the key.</exception>
    public static async Task<ImportRecord> Start(Order order, DateTime now, Database database, CancellationToken cancel)
    {
        while (true)
        {
            var started = await database.First<ImportRecord>(
                StartSql, new { order.Sender, order.Hash, order.KeyHash, order.Rows, order.RequestId, order.Address, now }, cancel);
            started ??= await FindRunning(order, database, cancel);
            // The other one can end between the two statements.
            if (started is not null)
                return started;
        }
    }

    public static Task<ImportRecord?> FindRunning(Order order, Database database, CancellationToken cancel) =>
        database.First<ImportRecord>(RunningSql, new { order.Sender, order.Hash }, cancel);

    /// <summary>Finds the import with this key. A key counts for 24 hours.</summary>
    public static async Task<ImportRecord?> FindByKey(byte[] keyHash, DateTime now, Database database, CancellationToken cancel)
    {
        await database.Execute(ForgetKeySql, new { keyHash, oldest = now - IdempotencyKey.Kept }, cancel);
        return await database.First<ImportRecord>(ByKeySql, new { keyHash }, cancel);
    }

    public static Task<ImportRecord?> Find(long id, SupportScope scope, Database database, CancellationToken cancel) =>
        database.First<ImportRecord>(FindSql, new { id, scope.Me, scope.Owns }, cancel);

    public static Task<long> Receive(
        string sender, string? requestId, string? address, DateTime now, Database database, CancellationToken cancel) =>
        database.First<long>(ReceiveSql, new { sender, RequestId = requestId, Address = address, now }, cancel);

    public static Task Stage(long id, IReadOnlyCollection<ImportRow> rows, DateTime now, Database database, CancellationToken cancel) =>
        database.Execute(
            StageSql,
            new
            {
                id, places = rows.Select(row => row.Place).ToArray(),
                contents = rows.Select(row => JsonSerializer.Serialize(row, Staged.ImportRow)).ToArray(), now,
            },
            cancel);

    /// <summary>Queues the job of an import whose rows are staged.</summary>
    /// <exception cref="PostgresException">
    /// The constraint <c>imports_running</c>: the same file is being imported. Or <c>imports_key</c>: another import has the key.
    /// </exception>
    public static async Task<ImportRecord> Queue(long id, Order order, DateTime now, Database database, CancellationToken cancel) =>
        (await database.First<ImportRecord>(
            QueueSql,
            new { id, order.Sender, order.Hash, order.KeyHash, order.Rows, order.RequestId, order.Address, now },
            cancel))!;

    /// <summary>Ends an import whose file has faults.</summary>
    public static async Task<ImportRecord> Fail(
        long id, Order order, ImportScan scan, DateTime now, Database database, CancellationToken cancel) =>
        (await database.First<ImportRecord>(
            FailSql,
            new
            {
                id, hash = order.Hash, rows = (long?)order.Rows,
                errors = JsonSerializer.Serialize(scan.Faults, SupportJson.Default.ProblemErrors), count = scan.FaultCount, now,
            },
            cancel))!;

    /// <summary>Ends an import that cannot be continued. What is written stays.</summary>
    public static Task Park(long id, string sentence, DateTime now, Database database, CancellationToken cancel)
    {
        IReadOnlyList<ProblemError> errors = [new ProblemError("#", sentence)];
        return database.Execute(
            FailSql,
            new
            {
                id, hash = (byte[]?)null, rows = (long?)null,
                errors = JsonSerializer.Serialize(errors, SupportJson.Default.ProblemErrors), count = 1L, now,
            },
            cancel);
    }

    /// <summary>Removes an import with its staged rows.</summary>
    public static Task Drop(long id, Database database, CancellationToken cancel) => database.Execute(DropSql, new { id }, cancel);

    /// <summary>Removes up to a hundred imports that are old, or whose sender was lost.</summary>
    public static Task<int> Clean(DateTime now, Database database, CancellationToken cancel) =>
        database.Execute(CleanSql, new { paused = now - LongestPause, oldest = now - Kept }, cancel);
}
