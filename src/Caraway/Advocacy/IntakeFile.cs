using System.Buffers.Binary;
using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Caraway.Platform.Hosting;
using CsvHelper;

namespace Caraway.Advocacy;

/// <summary>
/// A CSV file of intakes (RFC 4180, UTF-8, a header row; the delimiter is a comma, a semicolon, a tab or a bar). Each reading is a stream:
/// the import reads the file once to validate all of it, and once to write.
/// </summary>
internal sealed class IntakeFile
{
    private const int LongestField = 1_000_000;

    /// <summary>In bytes. It bounds the memory that a missing quote can take.</summary>
    private const int LongestRow = 4 * LongestField;

    private static readonly string[] Fields = ["full_name", "email", "phone", "narrative", "external_reference"];

    private readonly FileInfo file;
    private readonly char delimiter;
    private readonly string[] header;
    private readonly Dictionary<string, int> columns;
    private readonly bool isImr;
    private readonly (long Length, DateTime Written) stateWhenOpened;

    private IntakeFile(FileInfo file, char delimiter, string[] header, IReadOnlyDictionary<string, string> map)
    {
        this.file = file;
        this.delimiter = delimiter;
        this.header = header;
        stateWhenOpened = (file.Length, file.LastWriteTimeUtc);
        isImr = map.Count == 0 && ImrDetermination.Columns.All(column => header.Contains(column, StringComparer.Ordinal));
        columns = isImr
            ? ImrDetermination.Columns.ToDictionary(column => column, column => Array.IndexOf(header, column), StringComparer.Ordinal)
            : FindColumns(header, map);
    }

    /// <summary>A row of the file: an intake, or the faults of the row.</summary>
    /// <param name="Line">The line of the file on which the row begins, from 1.</param>
    /// <param name="Faults">Plain sentences; empty on a good row.</param>
    public sealed record Row(int Line, ImportIntakes.Intake? Intake, IReadOnlyList<string> Faults);

    /// <summary>Opens the file and finds its columns.</summary>
    /// <param name="map">Field and column; empty when the columns have the fields' names, or are those of the IMR determinations.</param>
    /// <exception cref="CommandException">The file does not exist, cannot be read, or lacks a column.</exception>
    public static IntakeFile Open(string path, IReadOnlyDictionary<string, string> map)
    {
        if (map.Keys.FirstOrDefault(field => !Fields.Contains(field, StringComparer.Ordinal)) is { } unknown)
        {
            var known = string.Join(", ", Fields);
            throw new CommandException(ExitCode.BadInput, $"--map does not know the field {unknown}. The fields are {known}.");
        }

        var file = new FileInfo(path);
        if (!file.Exists)
            throw new CommandException(ExitCode.BadInput, $"There is no file {file.FullName}.");
        try
        {
            var delimiter = FindDelimiter(file);
            using var reader = CreateReader(file, delimiter, () => { });
            if (!reader.Read())
                throw new CommandException(ExitCode.BadInput, $"{file.FullName} is empty. It needs a header row.");
            return new IntakeFile(file, delimiter, [.. reader.Current.ToArray().Select(name => name.Trim())], map);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException or DecoderFallbackException or CsvFormatException)
        {
            throw Unreadable(file, 1, e);
        }
    }

    /// <summary>All rows, in order. A row that repeats the reference of an earlier row is faulty.</summary>
    /// <exception cref="CommandException">The file changed after it was opened, or is not UTF-8.</exception>
    public IEnumerable<Row> Read()
    {
        var references = new Dictionary<UInt128, int>();
        var copies = new Dictionary<UInt128, int>();
        var isDamaged = false;
        using var reader = CreateReader(file, delimiter, () => isDamaged = true);
        Advance(reader);
        while (true)
        {
            isDamaged = false;
            if (!Advance(reader))
                break;
            var record = reader.Current.ToArray();
            var line = (int)reader.LineNumber;
            if (record is [""])
                continue;
            if (record.Any(value => value.Length > LongestField))
                throw TooLong(file, line);
            yield return Judge(line, record, isDamaged, references, copies);
        }

        file.Refresh();
        if (stateWhenOpened != (file.Length, file.LastWriteTimeUtc))
            throw new CommandException(ExitCode.BadInput, $"{file.FullName} was changed during the import. Run the import again.");
    }

    private Row Judge(int line, string[] record, bool isDamaged, Dictionary<UInt128, int> references, Dictionary<UInt128, int> copies)
    {
        if (isDamaged)
            return new Row(line, null, ["A quote is in a place where RFC 4180 does not allow one."]);
        if (record.Length != header.Length)
            return new Row(line, null, [$"It has {record.Length} values; the header has {header.Length}."]);
        var (intake, faults) = isImr ? ImrDetermination.Read(column => record[columns[column]]) : Map(record, copies);
        if (intake is null)
            return new Row(line, null, faults);

        var all = new List<string>(faults);
        all.AddRange(Validate(intake.Request));
        if (all.Count == 0 && !references.TryAdd(Digest(intake.Request.ExternalReference!), line))
        {
            var earlier = references[Digest(intake.Request.ExternalReference!)];
            all.Add($"external_reference: the row on line {earlier} has the same.");
        }

        return all.Count == 0 ? new Row(line, intake, []) : new Row(line, null, all);
    }

    private (ImportIntakes.Intake Intake, IReadOnlyList<string> Faults) Map(string[] record, Dictionary<UInt128, int> copies)
    {
        // CSV cannot tell an empty text from an absent one. Empty means absent.
        string? Value(string field) => columns.TryGetValue(field, out var place) && record[place].Length > 0 ? record[place] : null;
        var request = new SubmitIntake.Request
        {
            FullName = Value("full_name"),
            Email = Value("email"),
            Phone = Value("phone"),
            Narrative = Value("narrative"),
            ExternalReference = Value("external_reference") ?? ReferenceOf(record, copies),
        };
        return (new ImportIntakes.Intake(request, null, null), []);
    }

    /// <summary>
    /// The reference of a row that has none of its own: a hash of its content, so that a second run recognises the row. Equal rows of one
    /// file are numbered.
    /// </summary>
    private static string ReferenceOf(string[] record, Dictionary<UInt128, int> copies)
    {
        var content = string.Join('\u001f', record);
        var copy = copies[Digest(content)] = copies.GetValueOrDefault(Digest(content)) + 1;
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content)))[..40];
        return copy == 1 ? $"import:{hash}" : $"import:{hash}:{copy}";
    }

    private static IEnumerable<string> Validate(SubmitIntake.Request request)
    {
        (string Name, string? Text)[] values =
        [
            ("full_name", request.FullName), ("email", request.Email), ("phone", request.Phone), ("narrative", request.Narrative),
            ("external_reference", request.ExternalReference),
        ];
        foreach (var (name, text) in values)
        {
            if (text?.Contains('\0', StringComparison.Ordinal) == true)
                yield return $"{name}: This has the character U+0000, which the database cannot store.";
        }

        var wrong = new List<ValidationResult>();
        Validator.TryValidateObject(request, new ValidationContext(request), wrong, validateAllProperties: true);
        foreach (var fault in wrong)
            yield return $"{JsonNamingPolicy.SnakeCaseLower.ConvertName(fault.MemberNames.FirstOrDefault() ?? "")}: {fault.ErrorMessage}";
    }

    private static Dictionary<string, int> FindColumns(string[] header, IReadOnlyDictionary<string, string> map)
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
            {
                throw new CommandException(
                    ExitCode.BadInput,
                    $"The file has no column {column} for {field}. Its columns are: {string.Join(", ", header)}. "
                    + $"Name yours with --map {field}=COLUMN.");
            }
        }

        return places;
    }

    /// <summary>The candidate that is most frequent in the header row, outside quotes.</summary>
    private static char FindDelimiter(FileInfo file)
    {
        using var reader = OpenText(file);
        var line = reader.ReadLine() ?? "";
        var bare = string.Concat(line.Split('"').Where((_, i) => i % 2 == 0));
        return new[] { ',', ';', '\t', '|' }.MaxBy(candidate => bare.Count(c => c == candidate));
    }

    private bool Advance(CsvReader reader)
    {
        try
        {
            return reader.Read();
        }
        catch (Exception e) when (e is DecoderFallbackException or CsvFormatException or IOException)
        {
            throw Unreadable(file, (int)reader.LineNumber, e);
        }
    }

    private static CommandException Unreadable(FileInfo file, int line, Exception e) => e switch
    {
        // The decoder works a buffer ahead, so the faulty byte is somewhere after this line.
        DecoderFallbackException => new CommandException(
            ExitCode.BadInput,
            $"{file.FullName} is not UTF-8 text (after line {line}). Convert it first: iconv -f WINDOWS-1252 -t UTF-8",
            e),
        CsvFormatException tooLong => TooLong(file, (int)tooLong.LineNumber),
        _ => new CommandException(ExitCode.BadInput, $"{file.FullName} cannot be read: {e.Message}", e),
    };

    private static CommandException TooLong(FileInfo file, int line) => new(
        ExitCode.BadInput,
        $"{file.FullName}: the row on line {line} has a value of over {LongestField:#,0} characters; a quote may be missing.");

    /// <param name="onDamage">Called for a row whose quotes do not follow RFC 4180, before the row is read.</param>
    private static CsvReader CreateReader(FileInfo file, char delimiter, Action onDamage) => CsvReader.Create(
        OpenText(file),
        new CsvReaderOptions
        {
            Separator = delimiter,
            HasHeader = false,
            SkipEmptyLines = false,
            TrackLineNumbers = true,
            MaxRecordSize = LongestRow,
            OnMalformedRecord = _ => onDamage(),
        });

    private static StreamReader OpenText(FileInfo file)
    {
        var strict = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        return new StreamReader(file.OpenRead(), strict, detectEncodingFromByteOrderMarks: true, bufferSize: 1 << 16);
    }

    private static UInt128 Digest(string text) => BinaryPrimitives.ReadUInt128BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
