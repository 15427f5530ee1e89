using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Caraway.Platform.Hosting;
using CsvHelper;
using CsvHelper.Configuration;

namespace Caraway.Advocacy;

/// <summary>
/// A CSV file of intakes (RFC 4180, UTF-8, a header row; commas, semicolons, tabs or bars). It is read as a stream, as often as asked for:
/// once to validate all of it, once to write.
/// </summary>
internal sealed class IntakeFile
{
    private const int LongestField = 1_000_000;

    private static readonly string[] Fields = ["full_name", "email", "phone", "narrative", "external_reference"];

    private readonly FileInfo file;
    private readonly char delimiter;
    private readonly string[] header;
    private readonly Dictionary<string, int> columns;
    private readonly bool isImr;
    private readonly (long Length, DateTime Written) seen;

    private IntakeFile(FileInfo file, char delimiter, string[] header, IReadOnlyDictionary<string, string> map)
    {
        this.file = file;
        this.delimiter = delimiter;
        this.header = header;
        seen = (file.Length, file.LastWriteTimeUtc);
        isImr = map.Count == 0 && ImrDetermination.Columns.All(column => header.Contains(column, StringComparer.Ordinal));
        columns = isImr
            ? ImrDetermination.Columns.ToDictionary(column => column, column => Array.IndexOf(header, column), StringComparer.Ordinal)
            : Place(header, map);
    }

    /// <summary>A row of the file: an intake, or what is wrong with it.</summary>
    /// <param name="Line">The line of the file on which the row begins, from 1.</param>
    /// <param name="Faults">Plain sentences; empty on a good row.</param>
    public sealed record Row(int Line, ImportIntakes.Intake? Intake, IReadOnlyList<string> Faults);

    /// <summary>Opens the file and finds its columns.</summary>
    /// <param name="map">Field and column; empty when the columns have the fields' names, or are the IMR's.</param>
    /// <exception cref="CommandException">No such file, or a column is missing.</exception>
    public static IntakeFile Open(string path, IReadOnlyDictionary<string, string> map)
    {
        if (map.Keys.FirstOrDefault(field => !Fields.Contains(field, StringComparer.Ordinal)) is { } unknown)
            throw new CommandException(ExitCode.BadInput, $"--map knows no field {unknown}. The fields are {string.Join(", ", Fields)}.");
        var file = new FileInfo(path);
        if (!file.Exists)
            throw new CommandException(ExitCode.BadInput, $"There is no file {path}.");
        try
        {
            var delimiter = Delimiter(file);
            using var parser = Parser(file, delimiter, _ => { });
            if (!parser.Read())
                throw new CommandException(ExitCode.BadInput, $"{path} is empty; a header row is needed.");
            return new IntakeFile(file, delimiter, [.. parser.Record!.Select(name => name.Trim())], map);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException or DecoderFallbackException)
        {
            throw Unreadable(path, 1, e);
        }
    }

    /// <summary>All rows, in order. Rows that repeat a reference of an earlier row are faulty.</summary>
    /// <exception cref="CommandException">The file changed since it was opened, or is not UTF-8.</exception>
    public IEnumerable<Row> Read()
    {
        var references = new Dictionary<UInt128, int>();
        var copies = new Dictionary<UInt128, int>();
        var damaged = false;
        using var parser = Parser(file, delimiter, _ => damaged = true);
        Advance(parser, 0);
        var before = parser.RawRow;
        while (true)
        {
            damaged = false;
            if (!Advance(parser, before))
                break;
            var line = before + 1;
            before = parser.RawRow;
            if (parser.Record is [""])
                continue;
            yield return Judge(line, parser.Record!, damaged, references, copies);
        }

        file.Refresh();
        if (seen != (file.Length, file.LastWriteTimeUtc))
            throw new CommandException(ExitCode.BadInput, $"{file.Name} was changed while it was being read. Run the import again.");
    }

    private Row Judge(int line, string[] record, bool damaged, Dictionary<UInt128, int> references, Dictionary<UInt128, int> copies)
    {
        if (damaged)
            return new Row(line, null, ["A quote stands where none may stand (RFC 4180)."]);
        if (record.Length != header.Length)
            return new Row(line, null, [string.Create(CultureInfo.InvariantCulture, $"It has {record.Length} values; the header has {header.Length}.")]);
        var (intake, faults) = isImr ? ImrDetermination.Read(column => record[columns[column]]) : Map(record, copies);
        if (intake is null)
            return new Row(line, null, faults);

        var all = new List<string>(faults);
        all.AddRange(Validate(intake.Request));
        if (all.Count == 0 && !references.TryAdd(Digest(intake.Request.ExternalReference!), line))
            all.Add(string.Create(CultureInfo.InvariantCulture, $"external_reference: the row on line {references[Digest(intake.Request.ExternalReference!)]} has the same."));
        return all.Count == 0 ? new Row(line, intake, []) : new Row(line, null, all);
    }

    private (ImportIntakes.Intake Intake, IReadOnlyList<string> Faults) Map(string[] record, Dictionary<UInt128, int> copies)
    {
        // An empty value of a CSV file is no value; optional fields stay away then.
        string? Value(string field) => columns.TryGetValue(field, out var place) && record[place].Length > 0 ? record[place] : null;
        var request = new SubmitIntake.Request
        {
            FullName = Value("full_name"),
            Email = Value("email"),
            Phone = Value("phone"),
            Narrative = Value("narrative"),
            ExternalReference = Value("external_reference"),
        };
        return (new ImportIntakes.Intake(request.ExternalReference is null ? request with { ExternalReference = ReferenceOf(record, copies) } : request, null, null), []);
    }

    /// <summary>A row without a reference gets one of its content, so that a second run knows it. Equal rows of one file are numbered.</summary>
    private static string ReferenceOf(string[] record, Dictionary<UInt128, int> copies)
    {
        var content = string.Join('\u001f', record);
        var copy = copies[Digest(content)] = copies.GetValueOrDefault(Digest(content)) + 1;
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content)))[..40];
        return copy == 1 ? $"import:{hash}" : string.Create(CultureInfo.InvariantCulture, $"import:{hash}:{copy}");
    }

    private static IEnumerable<string> Validate(SubmitIntake.Request request)
    {
        foreach (var (name, text) in new[] { ("full_name", request.FullName), ("email", request.Email), ("phone", request.Phone), ("narrative", request.Narrative), ("external_reference", request.ExternalReference) })
        {
            if (text?.Contains('\0', StringComparison.Ordinal) == true)
                yield return $"{name}: This has the character U+0000, which cannot be kept.";
        }

        var wrong = new List<ValidationResult>();
        Validator.TryValidateObject(request, new ValidationContext(request), wrong, validateAllProperties: true);
        foreach (var fault in wrong)
            yield return $"{JsonNamingPolicy.SnakeCaseLower.ConvertName(fault.MemberNames.FirstOrDefault() ?? "")}: {fault.ErrorMessage}";
    }

    private static Dictionary<string, int> Place(string[] header, IReadOnlyDictionary<string, string> map)
    {
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var field in Fields)
        {
            var column = map.GetValueOrDefault(field, field);
            var place = Array.IndexOf(header, column);
            if (place >= 0 && Array.IndexOf(header, column, place + 1) >= 0)
                throw new CommandException(ExitCode.BadInput, $"The file has two columns named {column}.");
            if (place >= 0)
                places[field] = place;
            else if (map.ContainsKey(field) || field is "full_name" or "narrative")
                throw new CommandException(ExitCode.BadInput, $"The file has no column {column} for {field}. Its columns are: {string.Join(", ", header)}. Name yours with --map {field}=COLUMN.");
        }

        return places;
    }

    /// <summary>The candidate that the header row has most of, outside quotes.</summary>
    private static char Delimiter(FileInfo file)
    {
        using var reader = Text(file.OpenRead());
        var line = reader.ReadLine() ?? "";
        var bare = string.Concat(line.Split('"').Where((_, i) => i % 2 == 0));
        return new[] { ',', ';', '\t', '|' }.MaxBy(candidate => bare.Count(c => c == candidate));
    }

    private bool Advance(CsvParser parser, int line)
    {
        try
        {
            return parser.Read();
        }
        catch (Exception e) when (e is DecoderFallbackException or MaxFieldSizeException or IOException)
        {
            throw Unreadable(file.FullName, line + 1, e);
        }
    }

    private static CommandException Unreadable(string path, int line, Exception e) => new(
        ExitCode.BadInput,
        e switch
        {
            DecoderFallbackException => string.Create(CultureInfo.InvariantCulture, $"{path} is not UTF-8 text (after line {line}). Convert it first: iconv -f WINDOWS-1252 -t UTF-8"),
            MaxFieldSizeException => string.Create(CultureInfo.InvariantCulture, $"{path}: the row on line {line} has a value of over {LongestField:#,0} characters; a quote may be missing."),
            _ => $"{path} cannot be read: {e.Message}",
        },
        e);

    private static CsvParser Parser(FileInfo file, char delimiter, Action<string> damaged) => new(
        Text(file.OpenRead()),
        new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Delimiter = delimiter.ToString(),
            BadDataFound = found => damaged(found.RawRecord),
            MaxFieldSize = LongestField,
            // Skipped here instead, so that lines are counted right.
            IgnoreBlankLines = false,
        });

    private static StreamReader Text(Stream stream) =>
        new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true), detectEncodingFromByteOrderMarks: true, bufferSize: 1 << 16);

    private static UInt128 Digest(string text) =>
        System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
