using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using CsvHelper;

namespace Caraway.Support.Files;

/// <summary>Writes a file of cases to a stream, a case at a time. It keeps a few dozen KiB in memory.</summary>
internal abstract class CaseWriter : IAsyncDisposable
{
    /// <param name="format">json or csv.</param>
    /// <param name="target">Stays open.</param>
    public static CaseWriter Create(string format, Stream target) =>
        format == FileFormat.Csv ? new CsvCaseWriter(target) : new JsonCaseWriter(target);

    public abstract ValueTask Begin(CancellationToken cancel);

    public abstract ValueTask Write(SupportCase.Fields row, CancellationToken cancel);

    /// <summary>Writes the end of the file, and all that is still in memory.</summary>
    public abstract ValueTask End(CancellationToken cancel);

    public abstract ValueTask DisposeAsync();
}

/// <summary><c>{"cases":[…]}</c> with one case a line.</summary>
internal sealed class JsonCaseWriter(Stream target) : CaseWriter
{
    private const int FlushAt = 32 * 1024;

    /// <summary>As the API writes it.</summary>
    internal static readonly JavaScriptEncoder Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    private readonly ArrayBufferWriter<byte> buffer = new(2 * FlushAt);
    private readonly Utf8JsonWriter json = new(Stream.Null, new JsonWriterOptions { Encoder = Encoder });
    private bool isFirst = true;

    public override ValueTask Begin(CancellationToken cancel)
    {
        buffer.Write("{\"cases\":["u8);
        return ValueTask.CompletedTask;
    }

    public override async ValueTask Write(SupportCase.Fields row, CancellationToken cancel)
    {
        buffer.Write(isFirst ? "\n"u8 : ",\n"u8);
        isFirst = false;
        json.Reset(buffer);
        WriteObject(row);
        json.Flush();
        if (buffer.WrittenCount >= FlushAt)
            await Flush(cancel);
    }

    public override async ValueTask End(CancellationToken cancel)
    {
        buffer.Write(isFirst ? "]}\n"u8 : "\n]}\n"u8);
        await Flush(cancel);
    }

    public override ValueTask DisposeAsync() => json.DisposeAsync();

    private void WriteObject(SupportCase.Fields row)
    {
        json.WriteStartObject();
        json.WriteString(CaseColumns.CaseId, CaseId.Write(row.Id));
        json.WriteString(CaseColumns.UserId, SupportUser.IdOf(row.Owner));
        json.WriteString(CaseColumns.SessionId, row.SessionId);
        json.WriteString(CaseColumns.Title, row.Title);
        json.WriteString(CaseColumns.Description, row.Description);
        json.WriteString(CaseColumns.Status, row.Status);
        json.WriteString(CaseColumns.Severity, row.Severity);
        json.WriteString(CaseColumns.Category, row.Category);
        json.WritePropertyName(CaseColumns.Metadata);
        // As stored, so that numbers keep every digit. JSON has these two characters outside its texts only.
        json.WriteRawValue(row.Metadata.Replace("\n", "", StringComparison.Ordinal).Replace("\r", "", StringComparison.Ordinal));
        json.WriteStartArray(CaseColumns.Tags);
        foreach (var tag in row.Tags)
            json.WriteStringValue(tag);
        json.WriteEndArray();
        json.WriteString(CaseColumns.CreatedAt, CaseColumns.Write(row.CreatedAt));
        json.WriteString(CaseColumns.UpdatedAt, CaseColumns.Write(row.UpdatedAt));
        json.WriteString(CaseColumns.ResolvedAt, row.ResolvedAt is { } resolved ? CaseColumns.Write(resolved) : null);
        json.WriteEndObject();
    }

    private async ValueTask Flush(CancellationToken cancel)
    {
        await target.WriteAsync(buffer.WrittenMemory, cancel);
        buffer.ResetWrittenCount();
    }
}

/// <summary>RFC 4180 with a header row. <c>metadata</c> is JSON and <c>tags</c> is a JSON array; null is an empty cell.</summary>
internal sealed class CsvCaseWriter(Stream target) : CaseWriter
{
    private readonly CsvWriter csv = CsvWriter.Create(target, new CsvWriterOptions(), leaveOpen: true);
    private bool isEnded;

    public override async ValueTask Begin(CancellationToken cancel)
    {
        foreach (var column in CaseColumns.All)
            csv.WriteField(column);
        await csv.EndRecordAsync(cancel);
    }

    public override async ValueTask Write(SupportCase.Fields row, CancellationToken cancel)
    {
        Cell(CaseId.Write(row.Id));
        Cell(SupportUser.IdOf(row.Owner));
        Cell(row.SessionId);
        Cell(row.Title);
        Cell(row.Description);
        Cell(row.Status);
        Cell(row.Severity);
        Cell(row.Category);
        Cell(row.Metadata);
        Cell(Json(row.Tags));
        Cell(CaseColumns.Write(row.CreatedAt));
        Cell(CaseColumns.Write(row.UpdatedAt));
        Cell(row.ResolvedAt is { } resolved ? CaseColumns.Write(resolved) : null);
        await csv.EndRecordAsync(cancel);
    }

    public override async ValueTask End(CancellationToken cancel)
    {
        await csv.FlushAsync(cancel);
        isEnded = true;
    }

    /// <summary>Disposing the library's writer writes its buffer. A file that was not ended must not get it.</summary>
    public override ValueTask DisposeAsync() => isEnded ? csv.DisposeAsync() : ValueTask.CompletedTask;

    private void Cell(string? text) => csv.WriteField(text is null ? null : CaseCell.Guard(text));

    private static string Json(string[] tags) =>
        tags.Length == 0 ? "[]" : "[" + string.Join(',', tags.Select(Json)) + "]";

    private static string Json(string text) => $"\"{JsonEncodedText.Encode(text, JsonCaseWriter.Encoder)}\"";
}
