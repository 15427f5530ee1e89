using System.Text.Json;
using Caraway.Platform.Http;

namespace Caraway.Support.Files;

/// <summary>A row of <c>support.imports</c>.</summary>
internal sealed class ImportRecord
{
    public const string Queued = "queued";
    public const string Running = "running";
    public const string Succeeded = "succeeded";
    public const string Failed = "failed";

    /// <summary>Of an import <c>i</c>.</summary>
    internal const string Columns = """
        i.id, i.sender, i.hash, i.state, i.rows, i.done, i.imported, i.errors, i.error_count, i.request_id, i.address, i.created_at,
            i.updated_at
        """;

    public long Id { get; init; }

    public string Sender { get; init; } = "";

    public byte[]? Hash { get; init; }

    public string State { get; init; } = "";

    public long Rows { get; init; }

    public long Done { get; init; }

    public long Imported { get; init; }

    public string Errors { get; init; } = "[]";

    public long ErrorCount { get; init; }

    public string? RequestId { get; init; }

    public string? Address { get; init; }

    public DateTime CreatedAt { get; init; }

    public DateTime UpdatedAt { get; init; }

    public bool IsEnded => State is Succeeded or Failed;

    public CaseImport.Source Source => new() { ImportId = Id, Sender = Sender, RequestId = RequestId, Address = Address };

    public ImportReport ToReport() => new(
        Id, ImportReport.SupportCases, State, Rows, Imported, Done - Imported,
        JsonSerializer.Deserialize(Errors, SupportJson.Default.ProblemErrors)!, ErrorCount, CreatedAt, UpdatedAt);
}

/// <summary>An import as the API shows it.</summary>
/// <param name="Id">Null for a dry run, which is not kept.</param>
/// <param name="Imported">New cases so far.</param>
/// <param name="Skipped">Rows so far whose case exists already.</param>
/// <param name="Errors">The first thousand faults of the file.</param>
public sealed record ImportReport(
    long? Id,
    string Kind,
    [property: ImportStateWord] string State,
    long Rows,
    long Imported,
    long Skipped,
    IReadOnlyList<ProblemError> Errors,
    long ErrorCount,
    DateTime CreatedAt,
    DateTime UpdatedAt)
{
    internal const string SupportCases = "support_cases";
}

/// <summary>Lists the states of an import in the OpenAPI document.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
internal sealed class ImportStateWordAttribute : Attribute, IWords
{
    public IReadOnlyList<string> Words => [ImportRecord.Queued, ImportRecord.Running, ImportRecord.Succeeded, ImportRecord.Failed];
}
