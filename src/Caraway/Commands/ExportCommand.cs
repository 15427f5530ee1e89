using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Caraway.Platform.Hosting;
using Caraway.Support;
using Caraway.Support.Files;

namespace Caraway.Commands;

/// <summary><c>caraway export cases FILE</c>: writes all support cases to a file.</summary>
internal static class ExportCommand
{
    private const string StandardOutput = "-";

    /// <summary>Cases between two reports of the progress.</summary>
    private const long ShownEvery = 50_000;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public static Command Create()
    {
        var file = new Argument<string>("FILE")
        {
            Description = "The file to write, such as cases.csv or cases.json; - is standard output.",
        };
        var format = new Option<string?>("--format")
        {
            Description = "The format. Without it, the name of the file tells it, and standard output gets json.",
            HelpName = "json|csv",
        };
        format.AcceptOnlyFromAmong(FileFormat.Json, FileFormat.Csv);
        var force = new Option<bool>("--force") { Description = "Replace the file if it exists." };
        var cases = new Command(
            "cases",
            "Write all support cases, oldest first. ./caraway import cases reads the file. The access to them is recorded.")
        {
            file, format, force,
        };
        cases.SetAction((parsed, cancel) => RunCases(
            new Order
            {
                File = parsed.GetValue(file)!,
                Format = parsed.GetValue(format) ?? FormatOf(parsed.GetValue(file)!),
                Force = parsed.GetValue(force),
            },
            cancel));
        return new Command("export", "Write records to files.") { cases };
    }

    private sealed record Order
    {
        public required string File { get; init; }

        public required string Format { get; init; }

        public required bool Force { get; init; }
    }

    private static async Task<int> RunCases(Order order, CancellationToken cancel)
    {
        var watch = Stopwatch.StartNew();
        if (order.File != StandardOutput && !order.Force && Path.Exists(order.File))
            throw Exists(order.File);
        return await Workspace.Use(
            Schema.Fits,
            async workspace =>
            {
                var total = await workspace.Database.First<long>("select count(*) from support.cases", null, cancel);
                var written = await Progress.Show("cases", total, async show => order.File == StandardOutput
                    ? await Write(order.Format, Console.OpenStandardOutput(), workspace, show, cancel)
                    : await WriteFile(order, workspace, show, cancel));
                var noun = written == 1 ? "case" : "cases";
                await Console.Error.WriteLineAsync(string.Create(
                    CultureInfo.InvariantCulture, $"{written:#,0} {noun} exported, in {watch.Elapsed.TotalSeconds:0.0} s."));
                return ExitCode.Done;
            },
            cancel);
    }

    /// <summary>Writes under another name first: a file of the right name is whole.</summary>
    private static async Task<long> WriteFile(Order order, Workspace workspace, Action<long> show, CancellationToken cancel)
    {
        var path = Path.GetFullPath(order.File);
        var part = $"{path}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}.part";
        try
        {
            long written;
            await using (var file = new FileStream(part, new FileStreamOptions
            {
                Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly, Options = FileOptions.Asynchronous,
            }))
            {
                written = await Write(order.Format, file, workspace, show, cancel);
                file.Flush(flushToDisk: true);
            }

            // Without --force this fails when somebody has made the file meanwhile.
            if (!order.Force && Path.Exists(path))
                throw Exists(order.File);
            File.Move(part, path, order.Force);
            return written;
        }
        finally
        {
            File.Delete(part);
        }
    }

    private static async Task<long> Write(string format, Stream target, Workspace workspace, Action<long> show, CancellationToken cancel)
    {
        CaseFilter.Read(new CaseFilter.Query(), out var all);
        var walk = new CaseWalk(all, new SupportScope { Me = [], All = true, Owns = true }, workspace.Database);
        var accesses = new CommandAccesses(workspace.Source, "export cases");
        await using var writer = CaseWriter.Create(format, target);
        await writer.Begin(cancel);
        var (written, shown) = (0L, 0L);
        while (!walk.IsEnded)
        {
            var page = await walk.Next(cancel);
            await accesses.Record(SupportScope.Accessed(page), cancel);
            foreach (var row in page)
                await writer.Write(row, cancel);
            written += page.Count;
            if (written - shown >= ShownEvery || walk.IsEnded)
                show(shown = written);
        }

        await writer.End(cancel);
        return written;
    }

    private static string FormatOf(string file) => Path.GetExtension(file).ToLowerInvariant() switch
    {
        ".csv" => FileFormat.Csv,
        ".json" => FileFormat.Json,
        "" when file == StandardOutput => FileFormat.Json,
        _ => throw new CommandException(
            ExitCode.BadInput, "The name of the file does not tell the format. Say --format json or --format csv."),
    };

    private static CommandException Exists(string file) =>
        new(ExitCode.BadInput, $"{file} exists already. Nothing was written; --force replaces it.");
}
