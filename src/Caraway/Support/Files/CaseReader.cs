using System.Text.Json;
using System.Text.Unicode;
using Caraway.Platform.Http;

namespace Caraway.Support.Files;

/// <summary>
/// Reads a file of cases row by row. Only one row and a buffer are in memory. A fault of a row does not end the reading; a fault of the
/// file's form does, and is the last item.
/// </summary>
internal abstract class CaseReader(CaseRowCheck check)
{
    /// <summary>In bytes. It bounds the memory that a missing quote or bracket can take. The longest valid row has about 350 KB.</summary>
    public const int LongestRow = 1024 * 1024;

    protected static readonly string TooLong = "This row has over 1 MiB. A quote or a bracket may be missing.";
    protected static readonly string NotUtf8 = "This row is not UTF-8 text.";
    protected static readonly string Empty = "The file is empty.";

    /// <summary>Rows that were read so far, also those with faults.</summary>
    public long Rows { get; private set; }

    /// <summary>A row, or the faults of a place of the file.</summary>
    public sealed record Item(ImportRow? Row, IReadOnlyList<ProblemError> Faults);

    public static CaseReader Create(string format, HashedStream source, CaseRowCheck check) => format switch
    {
        FileFormat.Csv => new CsvCaseReader(source, check),
        FileFormat.Lines => new LineCaseReader(source, check),
        _ => new JsonCaseReader(source, check),
    };

    public abstract IAsyncEnumerable<Item> Read(CancellationToken cancel);

    /// <param name="pointer">A JSON pointer to the place, as a URI fragment.</param>
    protected static Item Fault(long line, string pointer, string sentence) =>
        new(null, [new ProblemError(pointer, sentence) { Line = line }]);

    /// <summary>Counts a row before it is read.</summary>
    protected void CountRow() => Rows++;

    /// <summary>Checks the row that was counted last.</summary>
    protected Item Check(CaseValues values) => new(check.Check(Rows, values), values.Faults);

    /// <summary>Reads a row that is one JSON value.</summary>
    protected Item Parse(ReadOnlyMemory<byte> json, long line, string pointer)
    {
        CountRow();
        if (!Utf8.IsValid(json.Span))
            return Fault(line, pointer, NotUtf8);
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(json);
        }
        catch (JsonException)
        {
            return Fault(line, pointer, "This row is not JSON.");
        }

        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                return Fault(line, pointer, "This must be a JSON object.");
            var values = new CaseValues(line, pointer);
            foreach (var member in document.RootElement.EnumerateObject())
                values.Add(member);
            return Check(values);
        }
    }
}
