using System.Diagnostics;
using System.Globalization;
using System.Text;
using Caraway.Platform.Http;
using Caraway.Support;
using Caraway.Support.Files;

namespace Caraway.Tests.Support;

/// <summary>The forms of a file of cases: what was written is read again, and what is broken is named by line.</summary>
public sealed class CaseFileTests
{
    private static readonly DateTime Now = new(2026, 11, 25, 12, 0, 0, DateTimeKind.Utc);

    /// <summary>What breaks CSV, JSON or a spreadsheet, and every beginning that the file guards.</summary>
    private static readonly string[] Pieces =
    [
        "'", "=", "+", "-", "@", "\t", "\r", "\n", "\r\n", "\"", "\"\"", ",", ";", "|", "\\", "{", "}", "[", "]", "/", "~", " ", "é", "😀",
        "\u2028", "\u0085", "\ufeff", "\u0001", "\u200b", "cmd|' /C calc'!A0", "=HYPERLINK(1)", "null", "NULL", "a", "0", "sep=;", "#",
    ];

    [Theory]
    [InlineData(FileFormat.Csv)]
    [InlineData(FileFormat.Json)]
    public async Task A_file_gives_the_same_cases_again(string format)
    {
        var random = new Random(20261125);
        for (var round = 0; round < 40; round++)
        {
            var cases = Enumerable.Range(0, random.Next(1, 60)).Select(n => Draw(random, n)).ToList();
            using var file = new MemoryStream();
            await using (var writer = CaseWriter.Create(format, file))
            {
                await writer.Begin(default);
                foreach (var row in cases)
                    await writer.Write(row, default);
                await writer.End(default);
            }

            var read = await Read(format, file.ToArray(), new Random(round));

            Assert.All(read, item => Assert.Equal("", string.Join(' ', item.Faults)));
            Assert.Equal(cases.Select(Describe), read.Select(item => Describe(item.Row!)));
        }
    }

    [Fact]
    public async Task Every_cell_that_a_spreadsheet_could_run_is_guarded()
    {
        var random = new Random(1);
        using var file = new MemoryStream();
        await using (var writer = CaseWriter.Create(FileFormat.Csv, file))
        {
            await writer.Begin(default);
            for (var n = 0; n < 2_000; n++)
                await writer.Write(Draw(random, n), default);
            await writer.End(default);
        }

        file.Position = 0;
        await using var csv = CsvHelper.CsvReader.Create(file, new CsvHelper.CsvReaderOptions { Separator = ',', HasHeader = false });
        var guarded = 0;
        while (await csv.ReadAsync())
        {
            foreach (var cell in csv.Current.ToArray())
            {
                Assert.False(cell is ['=' or '+' or '-' or '@' or '\t' or '\r', ..], cell);
                guarded += cell.StartsWith('\'') ? 1 : 0;
            }
        }

        Assert.InRange(guarded, 500, 20_000);
    }

    [Theory]
    [InlineData(FileFormat.Json, "", 1, "#", "The file is empty.")]
    [InlineData(FileFormat.Json, " \n ", 2, "#", "The file is empty.")]
    [InlineData(FileFormat.Json, "7 ", 1, "#", "The file must be a JSON object with the member cases, or a JSON list.")]
    [InlineData(FileFormat.Json, "{\"items\":[]}", 1, "#", "The object has no member cases.")]
    [InlineData(FileFormat.Json, "{\"cases\":{}}", 1, "#/cases", "This must be a JSON list.")]
    [InlineData(FileFormat.Json, "{\"cases\":[],\n\"cases\":[]}", 2, "#/cases", "The object has this name twice.")]
    [InlineData(FileFormat.Json, "{\"cases\":[\n{\"title\":\"a\"},\n{\"title\":\"b", 3, "#/cases/1", "The file ends too early.")]
    [InlineData(FileFormat.Json, "[{},\n{}", 2, "#/2", "The file ends too early.")]
    [InlineData(FileFormat.Json, "[{},\n{}\n}", 3, "#/2", "The file is not JSON from here on.")]
    [InlineData(FileFormat.Json, "[{}]\n[", 2, "#", "The file is not JSON from here on.")]
    [InlineData(FileFormat.Json, "[{},\n7]", 2, "#/1", "This must be a JSON object.")]
    [InlineData(FileFormat.Json, "[{},\n{\"title\":\"a\u0001\"}]", 2, "#/1", "The file is not JSON from here on.")]
    [InlineData(FileFormat.Json, "[\n\n{\"title\":\"a\\u0000\"}]", 3, "#/0/title", "This has the character U+0000, which cannot be kept.")]
    [InlineData(FileFormat.Json, "[{\"title\":\"\\ud800\"}]", 1, "#/0/title", "This has half of a surrogate pair, which is no character.")]
    [InlineData(FileFormat.Json, "[{\"\\ud800\":1}]", 1, "#/0", "A name has half of a surrogate pair, which is no character.")]
    [InlineData(FileFormat.Json, "{\"\\ud800\":1}", 1, "#", "The object has no member cases.")]
    [InlineData(FileFormat.Lines, "{}\n{\"\\udc00\":1}", 2, "#", "A name has half of a surrogate pair, which is no character.")]
    [InlineData(FileFormat.Json, "[{\"title\":1}]", 1, "#/0/title", "This must be text.")]
    [InlineData(FileFormat.Json, "[{\"title\":\"a\",\"title\":\"b\"}]", 1, "#/0/title", "The row has this name twice.")]
    [InlineData(FileFormat.Json, "[{\"tags\":[\"a\",1]}]", 1, "#/0/tags", "This must be a list of texts.")]
    [InlineData(FileFormat.Json, "[{\"metadata\":[]}]", 1, "#/0/metadata", "This must be a JSON object.")]
    [InlineData(FileFormat.Json, "[{\"metadata\":{\"a\":\"\\u0000\"}}]", 1, "#/0/metadata", "This has text with half of a surrogate pair or the character U+0000.")]
    [InlineData(FileFormat.Json, "[{\"severity\":\"urgent\"}]", 1, "#/0/severity", "The severity must be one of low, medium, high, critical.")]
    [InlineData(FileFormat.Json, "[{\"status\":\"open\"}]", 1, "#/0/status", "The status must be one of active, investigating, resolved, closed, archived.")]
    [InlineData(FileFormat.Json, "[{\"created_at\":\"yesterday\"}]", 1, "#/0/created_at", "This must be a time such as 2026-01-31T08:15:30Z.")]
    [InlineData(FileFormat.Json, "[{\"created_at\":7}]", 1, "#/0/created_at", "This must be a time such as 2026-01-31T08:15:30Z.")]
    [InlineData(FileFormat.Json, "[{\"created_at\":\"2026-11-25T12:02Z\"}]", 1, "#/0/created_at", "This is in the future.")]
    [InlineData(FileFormat.Json, "[{\"created_at\":\"2026-01-02\",\"updated_at\":\"2026-01-01\"}]", 1, "#/0/updated_at", "This is earlier than created_at.")]
    [InlineData(FileFormat.Json, "[{\"updated_at\":\"2026-01-01\"}]", 1, "#/0/updated_at", "This needs created_at.")]
    [InlineData(FileFormat.Json, "[{\"created_at\":\"2026-01-02\",\"resolved_at\":\"2026-01-03\"}]", 1, "#/0/resolved_at", "A case that is active or investigating is not resolved.")]
    [InlineData(FileFormat.Json, "[{\"case_id\":\"case_0\"}]", 1, "#/0/case_id", "This must be case_ and 12 lower-case hex digits.")]
    [InlineData(FileFormat.Json, "[{\"case_id\":\"case_000000000001\"},\n{\"case_id\":\"case_000000000001\"}]", 2, "#/1/case_id", "An earlier row has the same case_id.")]
    [InlineData(FileFormat.Json, "[{\"user_id\":\"gateway:x\"}]", 1, "#/0/user_id", "This cannot be the id of a user.")]
    [InlineData(FileFormat.Json, "[{\"user_id\":\"user:01\"}]", 1, "#/0/user_id", "This cannot be the id of a user.")]
    [InlineData(FileFormat.Lines, "", 1, "#", "The file is empty.")]
    [InlineData(FileFormat.Lines, "{}\n\n{\"title\":\n{}", 3, "#", "This row is not JSON.")]
    [InlineData(FileFormat.Lines, "{}\n[]\n", 2, "#", "This must be a JSON object.")]
    [InlineData(FileFormat.Lines, "{}\n{} {}\n", 2, "#", "This row is not JSON.")]
    [InlineData(FileFormat.Lines, "{}\n{\"description\":7}", 2, "#/description", "This must be text.")]
    [InlineData(FileFormat.Csv, "", 1, "#", "The file is empty.")]
    [InlineData(FileFormat.Csv, "title,title\na,b", 1, "#/title", "The file has two columns of this name.")]
    [InlineData(FileFormat.Csv, "title,tags\na\n", 2, "#", "The row has 1 values; the header has 2.")]
    [InlineData(FileFormat.Csv, "title,description\na,\"b\nc\"\nx,\"y\nz", 4, "#", "A quote begins in this row and does not end.")]
    [InlineData(FileFormat.Csv, "title,description\na,b\"c\n", 2, "#", "A quote is in a place where RFC 4180 does not allow one.")]
    [InlineData(FileFormat.Csv, "title,description\na,b\u0000c\n", 2, "#/description", "This has the character U+0000, which cannot be kept.")]
    [InlineData(FileFormat.Csv, "title,metadata\na,{\n", 2, "#/metadata", "This must be a JSON object.")]
    [InlineData(FileFormat.Csv, "title;tags\na;x\n", 2, "#/tags", "This must be a list of texts.")]
    public async Task A_fault_is_named_with_its_line(string format, string text, long line, string pointer, string sentence)
    {
        var faults = (await Read(format, Encoding.UTF8.GetBytes(text))).SelectMany(item => item.Faults).ToList();

        Assert.Equal([new ProblemError(pointer, sentence) { Line = line }], faults.Take(1));
        Assert.InRange(faults.Count, 1, 2);
    }

    [Theory]
    [InlineData(FileFormat.Json, "[{\"titel\":\"a\"}]", "#/0/titel")]
    [InlineData(FileFormat.Lines, "{\"a/b~c\":\"a\"}", "#/a~1b~0c")]
    [InlineData(FileFormat.Csv, "title,prio\na,b", "#/prio")]
    public async Task A_name_that_is_not_known_is_refused(string format, string text, string pointer)
    {
        var fault = Assert.Single((await Read(format, Encoding.UTF8.GetBytes(text))).SelectMany(item => item.Faults));

        Assert.Equal((pointer, CaseValues.Unknown), (fault.Pointer, fault.Detail));
    }

    [Theory]
    [InlineData(FileFormat.Json, "[{\"title\":\"a\"},\n{\"title\":\"", "\"}]", 2)]
    [InlineData(FileFormat.Lines, "{\"title\":\"a\"}\n{\"title\":\"", "\"}\n", 2)]
    [InlineData(FileFormat.Csv, "title\na\n", "\n", 3)]
    public async Task Text_that_is_not_UTF8_is_refused(string format, string before, string after, long line)
    {
        var bytes = Encoding.UTF8.GetBytes(before).Append((byte)0xEB).Concat(Encoding.UTF8.GetBytes(after)).ToArray();

        var fault = Assert.Single((await Read(format, bytes)).SelectMany(item => item.Faults));

        Assert.Equal((line, "This row is not UTF-8 text."), (fault.Line, fault.Detail));
    }

    [Theory]
    [InlineData(FileFormat.Json, "[{},\n{\"title\":\"")]
    [InlineData(FileFormat.Lines, "{}\n{\"title\":\"")]
    [InlineData(FileFormat.Csv, "title\n\"")]
    public async Task A_row_without_an_end_does_not_fill_the_memory(string format, string before)
    {
        var text = Encoding.UTF8.GetBytes(before + new string('x', 8 * 1024 * 1024));

        var fault = (await Read(format, text)).SelectMany(item => item.Faults).Last();

        Assert.Equal((2L, "This row has over 1 MiB. A quote or a bracket may be missing."), (fault.Line!.Value, fault.Detail));
    }

    /// <summary>Small pieces of a row must not cost the square of its length.</summary>
    [Theory]
    [InlineData(FileFormat.Json, "[{\"title\":\"", "\"}]")]
    [InlineData(FileFormat.Lines, "{\"title\":\"", "\"}\n")]
    [InlineData(FileFormat.Csv, "title\n\"", "\"\n")]
    public async Task A_long_row_that_comes_in_small_pieces_is_read_in_time(string format, string before, string after)
    {
        var text = Encoding.UTF8.GetBytes(before + new string('x', 1_000_000) + after);
        var watch = Stopwatch.StartNew();

        var fault = Assert.Single((await Read(format, text, new Random(1), longestPiece: 20)).SelectMany(item => item.Faults));

        Assert.Equal("This must have at most 200 characters.", fault.Detail);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(3));
    }

    [Theory]
    [InlineData(FileFormat.Json, "[{},{},{},{}]")]
    [InlineData(FileFormat.Lines, "{}\n{}\n{\n{}\n{}")]
    [InlineData(FileFormat.Csv, "title\na\nb\nc\nd\n")]
    public async Task A_file_with_too_many_rows_is_not_read_to_its_end(string format, string text)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(text));
        await using var source = new HashedStream(stream);
        var taken = 0;

        var scan = await ImportScan.Run(
            CaseReader.Create(format, source, new CaseRowCheck(keepsOrigin: true, Now)), _ => Take(), mostRows: 2, default);

        Assert.Equal((3, 2, 1), (scan.Rows, taken, scan.FaultCount));
        Assert.Equal(
            [new ProblemError("#", "The file has more than 2 rows. Split it, or use ./caraway import cases.") { Line = 1 }], scan.Faults);

        ValueTask Take()
        {
            taken++;
            return ValueTask.CompletedTask;
        }
    }

    [Fact]
    public async Task Rows_are_written_in_chunks_that_are_not_long()
    {
        var rows = Enumerable.Range(1, 12_000).Select(n => Row(n, description: "")).Concat(
            Enumerable.Range(12_001, 500).Select(n => Row(n, new string('x', 20_000)))).ToList();

        var chunks = await CaseImport.Chunks(rows.ToAsyncEnumerable(), default).ToListAsync();

        Assert.Equal(rows, chunks.SelectMany(chunk => chunk));
        Assert.Equal([5_000, 5_000], chunks.Take(2).Select(chunk => chunk.Length));
        Assert.All(chunks, chunk => Assert.InRange(chunk.Sum(row => row.Length), 1, CaseImport.ChunkLength));
        Assert.InRange(chunks.Count, 5, 6);
    }

    [Theory]
    [InlineData("title", 201)]
    [InlineData("description", 20_001)]
    [InlineData("session_id", 101)]
    public async Task Long_texts_get_the_sentences_of_the_API(string column, int length)
    {
        var fault = Assert.Single((await Read(FileFormat.Csv, Encoding.UTF8.GetBytes($"{column}\n{new string('x', length)}\n")))
            .SelectMany(item => item.Faults));

        Assert.Equal($"#/{column}", fault.Pointer);
        Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"This must have at most {length - 1:#,0} characters."), fault.Detail);
    }

    [Fact]
    public async Task Metadata_of_33_KiB_are_refused()
    {
        var text = $$"""[{"metadata":{"a":"{{new string('x', 33 * 1024)}}"} }]""";

        var fault = Assert.Single((await Read(FileFormat.Json, Encoding.UTF8.GetBytes(text))).SelectMany(item => item.Faults));

        Assert.Equal(("#/0/metadata", "This must have at most 32 KiB."), (fault.Pointer, fault.Detail));
    }

    [Theory]
    [InlineData("title\tsession_id\r\nOne\ts1\r\n")]
    [InlineData("\ufefftitle|session_id\nOne|s1")]
    [InlineData("session_id;title\n\ns1;One\n\n")]
    [InlineData("session_id, title \r's1,'One")]
    public async Task Csv_of_other_programs_is_read(string text)
    {
        var row = Assert.Single(await Read(FileFormat.Csv, Encoding.UTF8.GetBytes(text))).Row!;

        Assert.Equal(("One", "s1", "", "active", "medium", "other", "{}"), (
            row.Title, row.SessionId, row.Description, row.Status, row.Severity, row.Category, row.Metadata));
    }

    [Theory]
    [InlineData("{\"total\":1,\"cases\":[{\"title\":\"One\",\"metadata\":{\"n\": 1.50}}],\"page\":{\"a\":[1,{}]}}")]
    [InlineData("\ufeff [ {\"title\":\"One\",\"tags\":null,\"metadata\":{\"n\": 1.50}} ] \n\n")]
    public async Task Json_may_be_a_list_or_an_answer_of_a_list(string text)
    {
        var row = Assert.Single(await Read(FileFormat.Json, Encoding.UTF8.GetBytes(text))).Row!;

        Assert.Equal(("One", "{\"n\": 1.50}"), (row.Title, row.Metadata));
    }

    /// <summary>Owners, ids and times of the file, and what is derived where they are absent.</summary>
    [Theory]
    [InlineData("", null, null, null)]
    [InlineData("\"status\":\"closed\"", null, null, null)]
    [InlineData("\"created_at\":\"2026-01-01\"", "01-01", "01-01", null)]
    [InlineData("\"created_at\":\"2026-01-01\",\"status\":\"resolved\"", "01-01", "01-01", "01-01")]
    [InlineData("\"created_at\":\"2026-01-01\",\"updated_at\":\"2026-01-03\",\"status\":\"closed\"", "01-01", "01-03", "01-03")]
    [InlineData("\"created_at\":\"2026-01-01\",\"resolved_at\":\"2026-01-02\",\"status\":\"closed\"", "01-01", "01-02", "01-02")]
    [InlineData("\"created_at\":\"2026-01-01\",\"updated_at\":\"2026-01-03\",\"status\":\"archived\"", "01-01", "01-03", null)]
    public async Task Times_that_are_absent_are_derived(string members, string? created, string? updated, string? resolved)
    {
        var row = Assert.Single(await Read(FileFormat.Json, Encoding.UTF8.GetBytes($"[{{{members}}}]"))).Row!;

        Assert.Equal((created, updated, resolved), (Day(row.CreatedAt), Day(row.UpdatedAt), Day(row.ResolvedAt)));

        static string? Day(DateTime? time) => time?.ToString("MM-dd", CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task Without_the_right_ids_owners_and_times_of_the_file_are_not_even_read()
    {
        const string text = """
            [{"case_id":"x","user_id":"gateway:y","created_at":"2999-01-01","resolved_at":"2026-01-01","title":"One"}]
            """;
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(text));
        await using var source = new HashedStream(stream);

        var items = await CaseReader.Create(FileFormat.Json, source, new CaseRowCheck(keepsOrigin: false, Now)).Read(default).ToListAsync();

        var row = Assert.Single(items).Row!;
        Assert.Equal((null, null, null, "One"), (row.Id, row.Owner, row.CreatedAt, row.Title));
    }

    [Theory]
    [InlineData("Case-0203-7", 7)]
    [InlineData("Case-0203-1000000", null)]
    [InlineData("Case-0203-0", null)]
    [InlineData("Case-0203-07", null)]
    [InlineData("Case-0204-7", null)]
    [InlineData("Case-0203-1\u0663", null)]
    [InlineData("Case-0203-\u0663", null)]
    [InlineData("A case", null)]
    [InlineData(null, null)]
    public void A_given_title_has_a_number(string? title, int? number) =>
        Assert.Equal(number, (Row(1, "") with { Title = title }).NumberOn(new DateOnly(2026, 2, 3)));

    private static ImportRow Row(long place, string description) => new()
    {
        Place = place, Description = description, Status = "active", Severity = "low", Category = "other", Metadata = "{}", Tags = [],
    };

    private static async Task<List<CaseReader.Item>> Read(string format, byte[] bytes, Random? random = null, int longestPiece = 300)
    {
        using var stream = random is null ? new MemoryStream(bytes) : new SlowStream(bytes, random, longestPiece);
        await using var source = new HashedStream(stream);
        var items = await CaseReader.Create(format, source, new CaseRowCheck(keepsOrigin: true, Now)).Read(default).ToListAsync();
        Assert.Equal(System.Security.Cryptography.SHA256.HashData(bytes), await source.Finish(default));
        Assert.Equal(bytes.Length, source.Count);
        return items;
    }

    private static SupportCase.Row Draw(Random random, int number)
    {
        var created = Now.AddDays(-random.Next(1, 400)).AddTicks(random.Next() * 10L);
        var status = CaseWords.Table.Statuses[random.Next(5)];
        var isResolved = status is "resolved" or "closed" || (status == "archived" && random.Next(2) == 0);
        return new SupportCase.Row
        {
            Id = ((long)number << 32) + random.Next(),
            Owner = random.Next(3) switch { 0 => "user:" + random.Next(1, 99), 1 => "apikey:7", _ => "gateway:" + OneWord(random) },
            SessionId = random.Next(2) == 0 ? null : OneLine(random),
            Title = OneLine(random),
            Description = Text(random),
            Status = status,
            Severity = CaseWords.Severities[random.Next(4)],
            Category = CaseWords.Categories[random.Next(6)],
            Metadata = random.Next(3) == 0 ? "{}" : $$"""{{{Quote(random)}}: {{random.Next()}}.500, "b":[{{Quote(random)}}]}""",
            Tags = [.. Enumerable.Range(0, random.Next(4)).Select(_ => OneLine(random)[..1] + random.Next())],
            CreatedAt = created,
            UpdatedAt = created.AddHours(2),
            ResolvedAt = isResolved ? created.AddHours(1) : null,
        };
    }

    private static string Text(Random random) =>
        string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => Pieces[random.Next(Pieces.Length)]));

    /// <summary>As the API keeps it: not blank, and without white space at both ends.</summary>
    private static string OneLine(Random random)
    {
        var text = Text(random).Trim();
        return text.Length == 0 || char.IsSurrogate(text[0]) || text.Any(char.IsControl) ? "-1" : text;
    }

    private static string OneWord(Random random) =>
        new(['=', (char)random.Next('!', '~'), '@', (char)random.Next('0', '9')]);

    private static string Quote(Random random) => Infrastructure.CarawayFixture.Quote(Text(random));

    private static string Describe(SupportCase.Row row) => Describe(
        row.Id, row.Owner, row.SessionId, row.Title, row.Description, row.Status, row.Severity, row.Category, row.Metadata, row.Tags,
        row.CreatedAt, row.UpdatedAt, row.ResolvedAt);

    private static string Describe(ImportRow row) => Describe(
        row.Id, row.Owner, row.SessionId, row.Title, row.Description, row.Status, row.Severity, row.Category, row.Metadata, row.Tags,
        row.CreatedAt, row.UpdatedAt, row.ResolvedAt);

    private static string Describe(params object?[] values) => string.Join('\u001f', values.Select(value => value switch
    {
        DateTime time => time.ToString("O", CultureInfo.InvariantCulture),
        string[] tags => string.Join('\u001e', tags),
        _ => value?.ToString() ?? "\u0000",
    }));

    /// <summary>Gives a few bytes at each reading, so that rows and characters are split anywhere.</summary>
    private sealed class SlowStream(byte[] bytes, Random random, int longest) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, random.Next(1, longest))], cancellationToken);
    }
}
