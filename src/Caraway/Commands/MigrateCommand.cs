using System.CommandLine;
using System.Globalization;
using System.Text.RegularExpressions;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;

namespace Caraway.Commands;

/// <summary><c>caraway migrate up|down|status|new NAME</c>.</summary>
internal static partial class MigrateCommand
{
    [GeneratedRegex("^[a-z][a-z0-9_]{0,59}$", RegexOptions.None, 1000)]
    private static partial Regex NameForm { get; }

    public static Command Create()
    {
        var to = NumberOption.Create("--to", "NUMBER", "The last migration to keep [default: all but the newest].");
        var yes = new Option<bool>("--yes") { Description = "Delete the data without asking." };
        var name = new Argument<string>("NAME") { Description = "What the migration does, in snake_case." };

        var up = new Command("up", "Apply the missing migrations. Several runners at the same time do the work of one.");
        up.SetAction((_, cancel) => RunUp(cancel));
        var down = new Command("down", "Take back the newest migration and delete its data. Asks first. Stop all other programs before.")
        {
            to, yes,
        };
        down.SetAction((parsed, cancel) => RunDown(parsed.GetValue(to), parsed.GetValue(yes), cancel));
        var status = new Command("status", "List the migrations. Exit code 4 when this program and the database do not fit.");
        status.SetAction((_, cancel) => RunStatus(cancel));
        var add = new Command("new", "Write the two files of a new migration into the checkout.") { name };
        add.SetAction(parsed => RunNew(parsed.GetValue(name)!));
        return new Command("migrate", "Change the schema of the database.") { up, down, status, add };
    }

    private static Task<int> RunUp(CancellationToken cancel) => Workspace.Use(
        Schema.Any,
        async workspace =>
        {
            var applied = await new Migrator(workspace.Source, Migrator.Embedded).Up(TimeProvider.System.GetUtcNow(), cancel);
            foreach (var migration in applied)
                Console.WriteLine($"applied {migration}");
            if (applied.Count == 0)
                Console.WriteLine("nothing to do");
            return ExitCode.Done;
        },
        cancel);

    private static Task<int> RunDown(long? to, bool yes, CancellationToken cancel) => Workspace.Use(
        Schema.Any,
        async workspace =>
        {
            var migrator = new Migrator(workspace.Source, Migrator.Embedded);
            var applied = await migrator.Status(cancel);
            var target = to ?? (applied.Count > 1 ? applied[^2].Number : 0);
            var last = applied.Where(migration => migration.Number > target).Reverse().ToList();
            if (last.Count == 0)
            {
                Console.WriteLine("nothing to do");
                return ExitCode.Done;
            }

            await DatabaseUsers.RefuseOthers(workspace.Database, cancel);
            if (!yes)
                await Confirm(last, cancel);
            // Again, because a program may have started while the person thought.
            await DatabaseUsers.RefuseOthers(workspace.Database, cancel);
            foreach (var migration in await migrator.Down((int)Math.Clamp(target, 0, int.MaxValue), cancel))
                Console.WriteLine($"took back {migration}");
            return ExitCode.Done;
        },
        cancel);

    private static async Task Confirm(IReadOnlyList<AppliedMigration> last, CancellationToken cancel)
    {
        var warning = $"This takes back {string.Join(", ", last)} and deletes the data in the tables and columns of these migrations.";
        if (!Terminal.CanAsk)
            throw new CommandException(ExitCode.BadInput, $"{warning} Say --yes to do it. Nothing was changed.");
        await Console.Error.WriteLineAsync(warning);
        if (!await Terminal.Confirm("Delete the data?", cancel))
            throw new CommandException(ExitCode.BadInput, "Nothing was changed.");
    }

    private static Task<int> RunStatus(CancellationToken cancel) => Workspace.Use(
        Schema.Any,
        async workspace =>
        {
            var applied = await new Migrator(workspace.Source, Migrator.Embedded).Status(cancel);
            var missing = Migrator.Embedded.Where(migration => applied.All(row => row.Number != migration.Number));
            Terminal.WriteTable(
                ["migration", "applied at", "state"],
                [
                    .. applied.Select(row => new[] { row.ToString(), Text($"{row.AppliedAt:yyyy-MM-dd HH:mm:ss}Z"), DescribeState(row) }),
                    .. missing.Select(migration => new[] { migration.ToString(), "-", "not applied" }),
                ],
                "There are no migrations.");
            return Migrator.Misfits(Migrator.Embedded, applied).Count == 0 ? ExitCode.Done : ExitCode.Database;
        },
        cancel);

    private static string DescribeState(AppliedMigration row)
    {
        if (Migrator.Embedded.FirstOrDefault(migration => migration.Number == row.Number) is not { } known)
            return row.IsBackwardCompatible ? "newer than this program, backward-compatible" : "newer than this program";
        return known.Checksum == row.Checksum && known.Name == row.Name ? "applied" : "the file was changed after it was applied";
    }

    private static int RunNew(string name)
    {
        if (!NameForm.IsMatch(name))
            throw new CommandException(ExitCode.BadInput, "The name must be snake_case: lower-case letters, digits and underscores.");
        if (PrivateFolder.Checkout is not { } checkout)
            throw new CommandException(ExitCode.BadInput, "A new migration is written into a checkout, through ./caraway.");
        var folder = Path.Combine(checkout, "src", "Caraway", "Migrations");
        var last = Directory.EnumerateFiles(folder, "*.up.sql")
            .Select(file => int.Parse(Path.GetFileName(file).AsSpan(0, 4), CultureInfo.InvariantCulture))
            .DefaultIfEmpty(0)
            .Max();
        foreach (var (way, text) in new[] { ("up", $"-- What {name} changes, and why.\n"), ("down", $"-- The way back from {name}.\n") })
        {
            var path = Path.Combine(folder, Text($"{last + 1:0000}_{name}.{way}.sql"));
            File.WriteAllText(path, text);
            Console.WriteLine(path);
        }

        return ExitCode.Done;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
