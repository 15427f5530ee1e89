using System.CommandLine;
using Caraway.Bench;
using Caraway.Bench.Peers;

var name = new Argument<string>("name");
var side = new Command("side", "One side, with orders from standard input.") { name };
side.Hidden = true;
side.SetAction((parsed, cancel) => SideProgram.Run(SideOptions.Parse(parsed.GetValue(name)!, 2), cancel));

var runs = new Option<int>("--runs") { Description = "Runs of each side; the figures are medians.", DefaultValueFactory = _ => 3 };
var jobs = new Option<int>("--jobs") { Description = "Jobs of a run.", DefaultValueFactory = _ => 40_000 };
var loaded = new Option<int>("--loaded")
{
    Description = "Jobs that eight callers queue while the workers work.",
    DefaultValueFactory = _ => 10_000,
};
var workers = new Option<int>("--workers") { Description = "Workers of each side.", DefaultValueFactory = _ => 2 };
var perSecond = new Option<int>("--per-second") { Description = "Changes a second of the even load.", DefaultValueFactory = _ => 100 };
var seconds = new Option<int>("--seconds") { Description = "How long the even load lasts.", DefaultValueFactory = _ => 15 };
var kills = new Option<int>("--kills") { Description = "How often each side is killed.", DefaultValueFactory = _ => 10 };
var sides = new Option<string[]>("--sides")
{
    Description = "Which sides, each with an optional number of workers and jobs of a transaction.",
    HelpName = "NAME[:WORKERS[:BATCH]]",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => [
        "caraway", "caraway:8", "caraway:8:500", "hangfire", "hangfire:20", "wolverine", "wolverine:20", "wolverine-first:20",
        "wolverine-batches", "wolverine-batches:8", "wolverine-batches:8:500",
    ],
};

var root = new RootCommand("Measures our job queue beside Hangfire's and Wolverine's on one database. Run nothing else meanwhile.")
{
    runs, jobs, loaded, workers, perSecond, seconds, kills, sides, side,
};
root.SetAction(async (parsed, cancel) =>
{
    await using var database = await BenchDatabase.Create(cancel, "track_commit_timestamp = on");
    var figures = await new PeersBench(database, new PeersBench.Plan
    {
        Sides = [.. parsed.GetValue(sides)!.Select(text => SideOptions.Parse(text, parsed.GetValue(workers)))],
        Runs = parsed.GetValue(runs),
        Jobs = parsed.GetValue(jobs),
        Loaded = parsed.GetValue(loaded),
        PerSecond = parsed.GetValue(perSecond),
        Seconds = parsed.GetValue(seconds),
        Kills = parsed.GetValue(kills),
    }).Run(cancel);

    Console.WriteLine(PeersReport.ToMarkdown(figures));
    return 0;
});
return await root.Parse(args).InvokeAsync();
