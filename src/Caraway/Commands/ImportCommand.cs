using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Caraway.Advocacy;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;

namespace Caraway.Commands;

/// <summary><c>caraway import intakes FILE</c>: validates the whole file, then writes it in chunks.</summary>
internal static class ImportCommand
{
    /// <summary>More faults than this are counted and not shown.</summary>
    private const int FaultsShown = 1_000;

    public static Command Create()
    {
        var file = new Argument<string>("FILE")
        {
            Description = "A CSV file with a header row: the IMR determinations, or any file with columns for full_name and narrative.",
        };
        var map = new Option<string[]>("--map")
        {
            Description = "The columns of the fields, such as full_name=Name,narrative=Story. "
                + "The fields are full_name, email, phone, narrative, external_reference.",
            HelpName = "FIELD=COLUMN,…",
            AllowMultipleArgumentsPerToken = false,
        };
        var keepGood = new Option<bool>("--keep-good") { Description = "Write the good rows even if other rows are bad." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Validate and report; write nothing." };
        var intakes = new Command(
            "intakes", "Open a case for each row. A second run of the same file writes no row twice. Exit code 2: a row is bad.")
        {
            file, map, keepGood, dryRun,
        };
        intakes.SetAction((parsed, cancel) => RunIntakes(
            new Order
            {
                File = parsed.GetValue(file)!,
                Map = ReadMap(parsed.GetValue(map) ?? []),
                KeepGood = parsed.GetValue(keepGood),
                DryRun = parsed.GetValue(dryRun),
            },
            cancel));
        return new Command("import", "Read records from files.") { intakes, ImportCasesCommand.Create() };
    }

    private sealed record Order
    {
        public required string File { get; init; }

        public required IReadOnlyDictionary<string, string> Map { get; init; }

        public required bool KeepGood { get; init; }

        public required bool DryRun { get; init; }
    }

    private static async Task<int> RunIntakes(Order order, CancellationToken cancel)
    {
        var watch = Stopwatch.StartNew();
        var file = IntakeFile.Open(order.File, order.Map);
        var (good, bad) = Validate(file, cancel);
        if (bad > 0 && !order.KeepGood)
        {
            await Console.Error.WriteLineAsync(
                Text($"{bad:#,0} bad and {good:#,0} good rows. Nothing was written; --keep-good writes the good ones."));
            return ExitCode.BadInput;
        }

        if (order.DryRun)
        {
            Console.WriteLine(Text($"{good:#,0} good and {bad:#,0} bad rows. Nothing was written (--dry-run)."));
            return ExitCode.Done;
        }

        return await Workspace.Use(
            Schema.Migrated,
            async workspace =>
            {
                var opened = await Progress.Show("cases", good, show => Write(file, workspace.Database, show, cancel));
                var seconds = watch.Elapsed.TotalSeconds;
                Console.WriteLine(
                    Text($"{opened:#,0} cases opened, {good - opened:#,0} there already, {bad:#,0} bad rows, in {seconds:0.0} s."));
                return ExitCode.Done;
            },
            cancel);
    }

    private static (long Good, long Bad) Validate(IntakeFile file, CancellationToken cancel)
    {
        var (good, bad) = (0L, 0L);
        foreach (var row in file.Read())
        {
            cancel.ThrowIfCancellationRequested();
            if (row.Faults.Count == 0)
            {
                good++;
                continue;
            }

            if (++bad <= FaultsShown)
                Console.Error.WriteLine(Text($"line {row.Line}: {string.Join(' ', row.Faults)}"));
        }

        if (bad > FaultsShown)
            Console.Error.WriteLine(Text($"… and {bad - FaultsShown:#,0} more bad rows."));
        return (good, bad);
    }

    private static async Task<long> Write(IntakeFile file, Database database, Action<long> show, CancellationToken cancel)
    {
        var (opened, done) = (0L, 0L);
        foreach (var chunk in file.Read().Where(row => row.Intake is not null).Select(row => row.Intake!).Chunk(ImportIntakes.ChunkSize))
        {
            cancel.ThrowIfCancellationRequested();
            opened += await ImportIntakes.Write(chunk, database, TimeProvider.System, cancel);
            show(done += chunk.Length);
        }

        return opened;
    }

    private static Dictionary<string, string> ReadMap(string[] pairs)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in pairs.SelectMany(option => option.Split(',')))
        {
            if (pair.Split('=', 2) is not [{ Length: > 0 } field, { Length: > 0 } column])
            {
                throw new CommandException(
                    ExitCode.BadInput, $"--map takes FIELD=COLUMN, separated by commas. \"{pair}\" has another form.");
            }

            map[field.Trim()] = column.Trim();
        }

        return map;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
