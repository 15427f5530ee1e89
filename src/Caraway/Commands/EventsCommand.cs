using System.CommandLine;
using System.Globalization;
using Caraway.Platform.Events;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;

namespace Caraway.Commands;

/// <summary><c>caraway events list|replay</c>: how far the event handlers are, and sending one back.</summary>
internal static class EventsCommand
{
    public static Command Create()
    {
        var list = new Command("list", "List the handlers: how far each is, and what waits or is parked.");
        list.SetAction((_, cancel) => With(cancel, async database =>
        {
            foreach (var handler in await ReplayEvents.List(database, cancel))
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{handler.Handler,-24} position {handler.Position,-12} {handler.Behind:#,0} behind, {handler.Waiting:#,0} waiting, {handler.Parked:#,0} parked"));
        }));

        var which = new Option<string>("--handler") { Description = "The handler, as the list names it.", Required = true, HelpName = "NAME" };
        var from = new Option<long?>("--from") { Description = "All its events from this position on, again.", HelpName = "POSITION" };
        var parked = new Option<bool>("--parked") { Description = "Those events alone that were parked after their last try." };
        var replay = new Command("replay", "Bring events to a handler again.") { which, from, parked };
        replay.SetAction((parsed, cancel) => With(cancel, database => Replay(parsed.GetValue(which)!, parsed.GetValue(from), parsed.GetValue(parked), database, cancel)));
        return new Command("events", "Look at the event handlers.") { list, replay };
    }

    private static async Task Replay(string handler, long? from, bool parked, Database database, CancellationToken cancel)
    {
        if (from is null != parked)
            throw new CommandException(ExitCode.BadInput, "Say either --from POSITION or --parked.");
        if (from < 1)
            throw new CommandException(ExitCode.BadInput, "Positions begin at 1.");
        if (!(await ReplayEvents.List(database, cancel)).Exists(listed => listed.Handler == handler))
            throw new CommandException(ExitCode.BadInput, "There is no such handler; ./caraway events list shows them.");
        if (from is { } position)
        {
            var before = await ReplayEvents.From(handler, position, database, cancel);
            Console.WriteLine(position <= before
                ? string.Create(CultureInfo.InvariantCulture, $"{handler} had come to position {before} and begins at {position} again.")
                : string.Create(CultureInfo.InvariantCulture, $"{handler} has come to position {before} only; there is nothing to bring again."));
            return;
        }

        var count = await ReplayEvents.Parked(handler, TimeProvider.System.GetUtcNow().UtcDateTime, database, cancel);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count:#,0} parked events are tried again."));
    }

    private static async Task<int> With(CancellationToken cancel, Func<Database, Task> work)
    {
        await using var workspace = await Workspace.Open(Settings.Load(), PrivateFolder.Find(), cancel);
        await new Migrator(workspace.Source, Migrator.Embedded).Check(cancel);
        await using var database = new Database(workspace.Source);
        await work(database);
        return ExitCode.Done;
    }
}
