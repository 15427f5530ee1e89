using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Caraway.Platform.Hosting;
using Caraway.Support;
using Caraway.Support.Files;

namespace Caraway.Commands;

/// <summary>
/// <c>caraway import cases FILE</c>: validates the whole file of support cases, then writes it in chunks. It keeps ids, owners and times. A
/// killed import continues where it was when the same file is imported again.
/// </summary>
internal static class ImportCasesCommand
{
    private const string StandardInput = "-";

    private const string Sender = "import";

    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "A file of ./caraway export cases, or of its form; - is standard input." };
        var format = new Option<string?>("--format")
        {
            Description = "The format; ndjson has one object on each line. Without it, the name of the file tells it.",
            HelpName = "json|ndjson|csv",
        };
        format.AcceptOnlyFromAmong(FileFormat.Json, FileFormat.Lines, FileFormat.Csv);
        var owner = new Option<string?>("--owner")
        {
            Description = "The user_id of rows that have none, such as user:5.",
            HelpName = "USER_ID",
        };
        var dryRun = new Option<bool>("--dry-run") { Description = "Validate and report; write nothing." };
        var command = new Command(
            "cases",
            "Open a support case for each row. A second run of the same file writes no row twice. Exit code 2: a row is bad; nothing was "
            + "written.")
        {
            file, format, owner, dryRun,
        };
        command.SetAction((parsed, cancel) => Run(
            new Order
            {
                File = parsed.GetValue(file)!,
                Format = parsed.GetValue(format) ?? FormatOf(parsed.GetValue(file)!),
                Owner = parsed.GetValue(owner),
                DryRun = parsed.GetValue(dryRun),
            },
            cancel));
        return command;
    }

    private sealed record Order
    {
        public required string File { get; init; }

        public required string Format { get; init; }

        public required string? Owner { get; init; }

        public required bool DryRun { get; init; }

        public DateTime Now { get; } = Workspace.Now;

        /// <summary>Each reading of the file has its own, because it remembers the ids.</summary>
        public CaseRowCheck CreateCheck() => new(keepsOrigin: true, Now) { NeedsOwner = true, UsualOwner = Owner };
    }

    private static async Task<int> Run(Order order, CancellationToken cancel)
    {
        var watch = Stopwatch.StartNew();
        if (order.Owner is { } owner && !SupportUser.IsId(owner))
            throw new CommandException(ExitCode.BadInput, $"--owner {owner} cannot be the id of a user.");
        await using var file = await Open(order.File, cancel);
        await using var first = new HashedStream(file);
        var scan = await ImportScan.Run(
            CaseReader.Create(order.Format, first, order.CreateCheck()), _ => ValueTask.CompletedTask, long.MaxValue, cancel);
        if (!scan.IsGood)
            return await Refuse(scan);
        if (order.DryRun)
        {
            Console.WriteLine(Text($"{scan.Rows:#,0} good rows. Nothing was written (--dry-run)."));
            return ExitCode.Done;
        }

        var hash = await first.Finish(cancel);
        return await Workspace.Use(
            Schema.Migrated,
            async workspace =>
            {
                var import = await ImportTable.Start(
                    new ImportTable.Order { Sender = Sender, Hash = hash, Rows = scan.Rows }, Workspace.Now, workspace.Database, cancel);
                var last = await Progress.Show("cases", scan.Rows, show => ImportRun.Run(
                    import, ReadAgain(order, file, hash, cancel), show, workspace.Database, TimeProvider.System, cancel));
                var seconds = watch.Elapsed.TotalSeconds;
                Console.WriteLine(Text(
                    $"{last.Imported:#,0} cases imported, {last.Done - last.Imported:#,0} there already, in {seconds:0.0} s."));
                return ExitCode.Done;
            },
            cancel);
    }

    /// <summary>The rows in a second reading, of the file that was validated.</summary>
    private static async IAsyncEnumerable<ImportRow> ReadAgain(
        Order order, FileStream file, byte[] hash, [EnumeratorCancellation] CancellationToken cancel)
    {
        file.Position = 0;
        await using var second = new HashedStream(file);
        await foreach (var item in CaseReader.Create(order.Format, second, order.CreateCheck()).Read(cancel))
            yield return item.Row ?? throw Changed(order);
        var again = await second.Finish(cancel);
        if (!hash.SequenceEqual(again))
            throw Changed(order);
    }

    private static async Task<int> Refuse(ImportScan scan)
    {
        foreach (var fault in scan.Faults)
            await Console.Error.WriteLineAsync(Text($"line {fault.Line}: {fault.Pointer}: {fault.Detail}"));
        if (scan.FaultCount > scan.Faults.Count)
            await Console.Error.WriteLineAsync(Text($"… and {scan.FaultCount - scan.Faults.Count:#,0} more faults."));
        await Console.Error.WriteLineAsync(Text($"{scan.FaultCount:#,0} faults in {scan.Rows:#,0} rows. Nothing was written."));
        return ExitCode.BadInput;
    }

    /// <summary>
    /// The file is read twice, so what comes through a pipe, as standard input does, is kept in a temporary file that only its owner reads.
    /// Its name is removed at once, so a killed import leaves nothing behind.
    /// </summary>
    private static async Task<FileStream> Open(string path, CancellationToken cancel)
    {
        if (path != StandardInput && !File.Exists(path))
            throw new CommandException(ExitCode.BadInput, $"There is no file {Path.GetFullPath(path)}.");
        Stream input = path == StandardInput
            ? Console.OpenStandardInput()
            : new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.Asynchronous);
        if (input is FileStream { CanSeek: true } file)
            return file;
        await using var pipe = input;
        var name = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        var copy = new FileStream(name, new FileStreamOptions
        {
            Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Options = FileOptions.Asynchronous,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        File.Delete(name);
        await pipe.CopyToAsync(copy, cancel);
        copy.Position = 0;
        return copy;
    }

    private static string FormatOf(string file) => Path.GetExtension(file).ToLowerInvariant() switch
    {
        ".csv" => FileFormat.Csv,
        ".json" => FileFormat.Json,
        ".ndjson" or ".jsonl" => FileFormat.Lines,
        _ => throw new CommandException(
            ExitCode.BadInput, "The name of the file does not tell the format. Say --format json, --format ndjson or --format csv."),
    };

    private static CommandException Changed(Order order) =>
        new(ExitCode.BadInput, $"{order.File} was changed during the import. Run the import again.");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
