using System.CommandLine;
using System.Globalization;
using Caraway.Platform.Events;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;

namespace Caraway.Commands;

/// <summary><c>caraway events list|replay</c>: shows how far the event handlers are, and delivers events to a handler again.</summary>
internal static class EventsCommand
{
    private sealed record Order(string Handler, long? From, bool Parked);

    public static Command Create()
    {
        var list = new Command("list", "List the handlers: the position of each, and its waiting and parked events.");
        list.SetAction((_, cancel) => RunList(cancel));

        var handler = new Option<string>("--handler")
        {
            Description = "The handler, as the list names it.",
            Required = true,
            HelpName = "NAME",
        };
        var from = NumberOption.Create("--from", "POSITION", "Deliver all events from this position on again.");
        var parked = new Option<bool>("--parked") { Description = "Deliver only the events that were parked after their last attempt." };
        var replay = new Command("replay", "Deliver events to a handler again.") { handler, from, parked };
        replay.SetAction((parsed, cancel) =>
            RunReplay(new Order(parsed.GetValue(handler)!, parsed.GetValue(from), parsed.GetValue(parked)), cancel));
        return new Command("events", "Look at the event handlers.") { list, replay };
    }

    private static Task<int> RunList(CancellationToken cancel) => Workspace.Use(
        Schema.Fits,
        async workspace =>
        {
            Terminal.WriteTable(
                ["handler", "position", "events"],
                [.. (await ReplayEvents.List(workspace.Database, cancel)).Select(Describe)],
                "There are no event handlers yet. A server registers them when it starts.");
            return ExitCode.Done;
        },
        cancel);

    private static string[] Describe(ReplayEvents.Listed handler) =>
    [
        handler.Handler,
        Text($"position {handler.Position}"),
        Text($"{handler.Behind:#,0} behind, {handler.Waiting:#,0} waiting, {handler.Parked:#,0} parked"),
    ];

    private static Task<int> RunReplay(Order order, CancellationToken cancel)
    {
        if (order.From is null != order.Parked)
            throw new CommandException(ExitCode.BadInput, "Say either --from POSITION or --parked.");
        if (order.From < 1)
            throw new CommandException(ExitCode.BadInput, "Positions begin at 1.");
        return Workspace.Use(
            Schema.Fits,
            async workspace =>
            {
                if (!(await ReplayEvents.List(workspace.Database, cancel)).Exists(listed => listed.Handler == order.Handler))
                {
                    throw new CommandException(
                        ExitCode.BadInput, $"There is no handler {order.Handler}. ./caraway events list shows the handlers.");
                }

                Console.WriteLine(await Replay(order, workspace.Database, cancel));
                return ExitCode.Done;
            },
            cancel);
    }

    /// <returns>The sentence that says what was done.</returns>
    private static async Task<string> Replay(Order order, Database database, CancellationToken cancel)
    {
        if (order.From is not { } position)
            return Text($"{await ReplayEvents.Parked(order.Handler, Workspace.Now, database, cancel):#,0} parked events are tried again.");
        var before = await ReplayEvents.From(order.Handler, position, database, cancel);
        return position <= before
            ? Text($"{order.Handler} was at position {before} and begins at {position} again.")
            : Text($"{order.Handler} is at position {before}, before {position}. Nothing has to be delivered again.");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
