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
        var to = new Option<int?>("--to") { Description = "The last migration to keep; default: all but the newest.", HelpName = "NUMBER" };
        var yes = new Option<bool>("--yes") { Description = "Outside development: yes, the data of what is taken back may go." };
        var name = new Argument<string>("NAME") { Description = "What it does, in snake_case." };

        var up = new Command("up", "Apply what is missing. Any number of runners at once do the work of one.");
        up.SetAction((_, cancel) => Up(cancel));
        var down = new Command("down", "Take back the newest migration, and its data with it.") { to, yes };
        down.SetAction((parsed, cancel) => Down(parsed.GetValue(to), parsed.GetValue(yes), cancel));
        var status = new Command("status", "List the migrations. Exit code 4 when this program and the database do not fit.");
        status.SetAction((_, cancel) => Status(cancel));
        var add = new Command("new", "Write the two files of a new migration into the checkout.") { name };
        add.SetAction(parsed => New(parsed.GetValue(name)!));
        return new Command("migrate", "Bring the database's schema up or down.") { up, down, status, add };
    }

    private static async Task<int> Up(CancellationToken cancel)
    {
        await using var workspace = await Workspace.Open(Settings.Load(), PrivateFolder.Find(), cancel);
        var done = await new Migrator(workspace.Source, Migrator.Embedded).Up(TimeProvider.System.GetUtcNow(), cancel);
        foreach (var migration in done)
            Console.WriteLine($"applied {migration}");
        if (done.Count == 0)
            Console.WriteLine("nothing to do");
        return ExitCode.Done;
    }

    private static async Task<int> Down(int? to, bool yes, CancellationToken cancel)
    {
        await using var workspace = await Workspace.Open(Settings.Load(), PrivateFolder.Find(), cancel);
        if (!workspace.IsDevelopment && !yes)
            throw new CommandException(ExitCode.BadInput, "This deletes the data of what is taken back. Outside development, say --yes.");
        var migrator = new Migrator(workspace.Source, Migrator.Embedded);
        var applied = await migrator.Status(cancel);
        var target = to ?? (applied.Count > 1 ? applied[^2].Number : 0);
        var done = await migrator.Down(target, cancel);
        foreach (var migration in done)
            Console.WriteLine($"took back {migration}");
        if (done.Count == 0)
            Console.WriteLine("nothing to do");
        return ExitCode.Done;
    }

    private static async Task<int> Status(CancellationToken cancel)
    {
        await using var workspace = await Workspace.Open(Settings.Load(), PrivateFolder.Find(), cancel);
        var applied = await new Migrator(workspace.Source, Migrator.Embedded).Status(cancel);
        foreach (var row in applied)
        {
            var state = Migrator.Embedded.FirstOrDefault(m => m.Number == row.Number) switch
            {
                null when row.IsBackwardCompatible => "newer than this program, backward-compatible",
                null => "newer than this program",
                var file when file.Checksum != row.Checksum || file.Name != row.Name => "changed since",
                _ => "applied",
            };
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row,-40} {row.AppliedAt:yyyy-MM-dd HH:mm:ss}Z  {state}"));
        }

        foreach (var migration in Migrator.Embedded.Where(m => applied.All(a => a.Number != m.Number)))
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{migration,-40} {"-",-20}  not applied"));
        return Migrator.Misfits(Migrator.Embedded, applied).Count == 0 ? ExitCode.Done : ExitCode.Database;
    }

    private static int New(string name)
    {
        if (!NameForm.IsMatch(name))
            throw new CommandException(ExitCode.BadInput, "The name must be snake_case: lower-case letters, digits and underscores.");
        if (PrivateFolder.Checkout is not { } checkout)
            throw new CommandException(ExitCode.BadInput, "A new migration is written in a checkout, through ./caraway.");
        var folder = Path.Combine(checkout, "src", "Caraway", "Migrations");
        var last = Directory.EnumerateFiles(folder, "*.up.sql").Select(file => int.Parse(Path.GetFileName(file).AsSpan(0, 4), CultureInfo.InvariantCulture)).DefaultIfEmpty(0).Max();
        foreach (var (way, text) in new[] { ("up", $"-- What {name} changes, and why.\n"), ("down", $"-- The way back from {name}.\n") })
        {
            var path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{last + 1:0000}_{name}.{way}.sql"));
            File.WriteAllText(path, text);
            Console.WriteLine(path);
        }

        return ExitCode.Done;
    }
}
