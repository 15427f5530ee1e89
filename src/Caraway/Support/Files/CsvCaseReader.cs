using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Unicode;
using CsvHelper;

namespace Caraway.Support.Files;

/// <summary>
/// A CSV file (RFC 4180, UTF-8) whose header row names fields of a case, in any order. The delimiter is a comma, a semicolon, a tab or a
/// bar. An apostrophe at the beginning of a cell is taken away.
/// </summary>
internal sealed class CsvCaseReader(HashedStream source, CaseRowCheck check) : CaseReader(check)
{
    private static readonly char[] Delimiters = [',', ';', '\t', '|'];

    private CsvMalformedReason? damage;

    public override async IAsyncEnumerable<Item> Read([EnumeratorCancellation] CancellationToken cancel)
    {
        await using var csv = CsvReader.Create(source, await Options(cancel), leaveOpen: true);
        var (isThere, broken) = await Advance(csv, cancel);
        if (broken is not null || !isThere)
        {
            yield return broken ?? Fault(1, "#", Empty);
            yield break;
        }

        string[] header = [.. csv.Current.ToArray().Select(name => name.Trim())];
        var faults = FindFaults(header).ToList();
        foreach (var fault in faults)
            yield return fault;
        if (faults.Count > 0)
            yield break;
        while (true)
        {
            damage = null;
            (isThere, broken) = await Advance(csv, cancel);
            if (broken is not null)
                yield return broken;
            if (!isThere)
                yield break;
            if (csv.FieldCount > 1 || !csv.IsEmpty(0) || damage is not null)
                yield return ReadRow(csv, header);
        }
    }

    private static IEnumerable<Item> FindFaults(string[] header)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in header)
        {
            var values = new CaseValues(1, "#");
            if (!CaseColumns.All.Contains(name, StringComparer.Ordinal))
                values.Blame(name, CaseValues.Unknown);
            else if (!names.Add(name))
                values.Blame(name, "The file has two columns of this name.");
            else
                continue;
            yield return new Item(null, values.Faults);
        }
    }

    private Item ReadRow(CsvReader csv, string[] header)
    {
        CountRow();
        var line = csv.LineNumber;
        if (damage is { } reason)
        {
            return Fault(line, "#", reason == CsvMalformedReason.UnterminatedQuote
                ? "A quote begins in this row and does not end."
                : "A quote is in a place where RFC 4180 does not allow one.");
        }

        if (csv.FieldCount != header.Length)
            return Fault(line, "#", $"The row has {csv.FieldCount} values; the header has {header.Length}.");
        if (!Utf8.IsValid(csv.RawRecord))
            return Fault(line, "#", NotUtf8);
        var values = new CaseValues(line, "#");
        for (var place = 0; place < header.Length; place++)
            values.Add(header[place], csv.GetString(place));
        return Check(values);
    }

    private static async Task<(bool IsThere, Item? Fault)> Advance(CsvReader csv, CancellationToken cancel)
    {
        try
        {
            return (await csv.ReadAsync(cancel), null);
        }
        catch (CsvFormatException e)
        {
            return (false, Fault(e.LineNumber, "#", TooLong));
        }
    }

    private async Task<CsvReaderOptions> Options(CancellationToken cancel) => new()
    {
        Separator = FindDelimiter((await source.Peek(cancel)).Span),
        HasHeader = false,
        SkipEmptyLines = false,
        TrackLineNumbers = true,
        MaxRecordSize = LongestRow,
        Encoding = Encoding.UTF8,
        OnMalformedRecord = record => damage = record.Reason,
    };

    /// <summary>The candidate that is most frequent in the header row. The names of the fields have none of them.</summary>
    private static char FindDelimiter(ReadOnlySpan<byte> beginning)
    {
        var end = beginning.IndexOfAny((byte)'\n', (byte)'\r');
        var header = Encoding.UTF8.GetString(end < 0 ? beginning : beginning[..end]);
        return Delimiters.MaxBy(candidate => header.Count(c => c == candidate));
    }
}
