using System.Security.Cryptography;
using System.Text;
using Caraway.Platform.Http;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Caraway.Support.Contracts;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace Caraway.Support.Files;

/// <summary>
/// <c>POST /api/v1/cases/import</c>: reads the whole file before it writes anything. A short file is written before the answer, a longer
/// one by the job <see cref="ImportJob"/>.
/// </summary>
internal static class ImportCases
{
    public const int LongestBody = 64 * 1024 * 1024;

    /// <summary>The body in the format json.</summary>
    public sealed record Body
    {
        public IReadOnlyList<Row>? Cases { get; init; }
    }

    /// <summary>A case of a file. The members after <c>tags</c> count for administrators.</summary>
    public sealed record Row(
        string? Title, string? Description, string? SessionId, [property: SupportStatusWord] string? Status,
        [property: SeverityWord] string? Severity, [property: CategoryWord] string? Category, System.Text.Json.JsonElement? Metadata,
        IReadOnlyList<string>? Tags, string? CaseId, string? UserId, DateTime? CreatedAt, DateTime? UpdatedAt, DateTime? ResolvedAt);

    public static async Task<Results<Ok<ImportReport>, Accepted<ImportReport>, Refusal>> Handle(
        HttpRequest http, [FromQuery(Name = "dry_run")] string? dryRun, Caller caller, Database database, JobSignal jobs, TimeProvider time,
        CancellationToken cancel)
    {
        if (dryRun is not (null or "" or "true" or "false"))
            return Refusal.InvalidQuery("dry_run", "The dry_run must be true or false.");
        if (IdempotencyKey.Read(http, out var key) is { } badKey)
            return badKey;
        var now = time.GetUtcNow().UtcDateTime;
        await using var body = new HashedStream(http.Body);
        var check = new CaseRowCheck(caller.May(SupportPermissions.WriteAll), now);
        var reader = CaseReader.Create(FormatOf(http), body, check);
        if (dryRun == "true")
            return TypedResults.Ok(Report(await ImportScan.Run(reader, _ => ValueTask.CompletedTask, ImportScan.MostRows, cancel), now));

        await using var stage = new ImportStage(body, caller, database, time, cancel);
        var scan = await ImportScan.Run(reader, stage.Add, ImportScan.MostRows, cancel);
        var order = new ImportTable.Order
        {
            Sender = caller.Id, Hash = await body.Finish(cancel), KeyHash = key is null ? null : HashOf(caller, key), Rows = scan.Rows,
            RequestId = caller.RequestId, Address = caller.Address,
        };
        await stage.Finish(scan.IsGood);
        if (!stage.IsLong && !scan.IsGood)
            return Refusal.InvalidFile(scan.Faults, scan.FaultCount);
        if (order.KeyHash is { } keyHash && await ImportTable.FindByKey(keyHash, now, database, cancel) is { } first)
        {
            if (!order.Hash.SequenceEqual(first.Hash!))
                return IdempotencyKey.Reused;
            if (stage.IsLong || first.IsEnded)
            {
                http.HttpContext.Response.Headers[IdempotencyKey.Replayed] = "true";
                return stage.IsLong ? Accept(first) : TypedResults.Ok(first.ToReport());
            }
        }

        try
        {
            return stage.IsLong
                ? Accept(await HandOver(stage, scan, order, jobs, database, time, cancel))
                : TypedResults.Ok((await Write(stage.Rows, order, database, time)).ToReport());
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "imports_key" })
        {
            return IdempotencyKey.InUse;
        }
    }

    /// <summary>Not cancelled with the request: what is begun is completed.</summary>
    private static async Task<ImportRecord> Write(
        IReadOnlyList<ImportRow> rows, ImportTable.Order order, Database database, TimeProvider time)
    {
        var import = await ImportTable.Start(order, time.GetUtcNow().UtcDateTime, database, CancellationToken.None);
        return await ImportRun.Run(import, rows.ToAsyncEnumerable(), _ => { }, database, time, CancellationToken.None);
    }

    private static async Task<ImportRecord> HandOver(
        ImportStage stage, ImportScan scan, ImportTable.Order order, JobSignal jobs, Database database, TimeProvider time,
        CancellationToken cancel)
    {
        var (id, now) = (stage.Id!.Value, time.GetUtcNow().UtcDateTime);
        while (true)
        {
            try
            {
                var import = scan.IsGood
                    ? await ImportTable.Queue(id, order, now, database, cancel)
                    : await ImportTable.Fail(id, order, scan, now, database, cancel);
                stage.Keep();
                jobs.Queued(ImportJob.Queue);
                return import;
            }
            catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "imports_running" })
            {
                // The same file is being imported: this request joins that import, unless it has ended meanwhile.
                if (await ImportTable.FindRunning(order, database, cancel) is { } running)
                    return running;
            }
        }
    }

    private static Accepted<ImportReport> Accept(ImportRecord import) =>
        TypedResults.Accepted($"/api/v1/imports/{import.Id}", import.ToReport());

    private static ImportReport Report(ImportScan scan, DateTime now) => new(
        null, ImportReport.SupportCases, scan.IsGood ? ImportRecord.Succeeded : ImportRecord.Failed, scan.Rows, 0, 0, scan.Faults,
        scan.FaultCount, now, now);

    private static string FormatOf(HttpRequest http)
    {
        var type = http.ContentType ?? "";
        return type.StartsWith(FileFormat.CsvType, StringComparison.OrdinalIgnoreCase) ? FileFormat.Csv
            : type.StartsWith(FileFormat.LinesType, StringComparison.OrdinalIgnoreCase) ? FileFormat.Lines
            : FileFormat.Json;
    }

    private static byte[] HashOf(Caller caller, string key) => SHA256.HashData(Encoding.UTF8.GetBytes($"{caller.Id}\n{key}"));
}
