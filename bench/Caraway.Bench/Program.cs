using System.CommandLine;
using System.CommandLine.Help;
using Caraway.Bench;

var limitPort = new Option<int>("--port") { DefaultValueFactory = _ => 8171 };
var unrecorded = new Option<bool>(HttpBench.Unrecorded) { Description = "Reads write no access records." };
var limit = new Command("limit", "Run only the limit server, on the database of DATABASE_URL (Npgsql keywords).") { limitPort, unrecorded };
limit.SetAction((parsed, cancel) =>
{
    var database = Environment.GetEnvironmentVariable("DATABASE_URL") ?? throw new InvalidOperationException("Set DATABASE_URL.");
    return LimitServer.Run(database, parsed.GetValue(limitPort), recordsReads: !parsed.GetValue(unrecorded), cancel);
});

var runs = new Option<int>("--runs") { Description = "Measured runs of each operation on each server.", DefaultValueFactory = _ => 5 };
var seconds = new Option<int>("--seconds") { Description = "The length of a run.", DefaultValueFactory = _ => 5 };
var jobs = new Option<int>("--jobs") { Description = "Jobs in the queue at the start of each run.", DefaultValueFactory = _ => 40_000 };
var only = new Option<string?>("--only")
{
    Description = "One part of the bench.", HelpName = "http|jobs|care|calendar|identity|events|support|files",
};
only.AcceptOnlyFromAmong("http", "jobs", "care", "calendar", "identity", "events", "support", "files");
var rows = new Option<int>("--rows") { Description = "Support cases of the support and files parts.", DefaultValueFactory = _ => 1_000_000 };
var asUser = new Option<bool>("--as-user") { Description = "Use the bearer token of a caseworker in the http part, not an API key." };
var operation = new Option<string?>("--operation")
{
    Description = "One operation of the http part.", HelpName = "post_intake|get_case|list_cases|patch_status",
};
var json = new Option<string?>("--json")
{
    Description = "A file for the figures as JSON; standard output has them as Markdown.", HelpName = "FILE",
};

var root = new Command(
    "bench", "Measure the product against the limit of this machine. This takes about ten minutes; run nothing else meanwhile.")
{
    runs, seconds, jobs, rows, only, operation, asUser, json, limit,
};
root.SetAction(async (parsed, cancel) =>
{
    var part = parsed.GetValue(only);
    if (part is null or "http")
        Wrk.Require();
    await using var database = await BenchDatabase.Create(cancel);
    HttpFigures? http = null;
    if (part is null or "http")
    {
        var bench = new HttpBench(database, new HttpBench.Plan
        {
            Runs = parsed.GetValue(runs),
            Seconds = parsed.GetValue(seconds),
            Only = parsed.GetValue(operation),
            AsUser = parsed.GetValue(asUser),
        });
        await database.Fill(bench.Cases, cancel);
        await database.Settle(cancel);
        http = await bench.Run(cancel);
    }

    var report = new Report(
        Machine.Describe(),
        http,
        part is null or "jobs" ? await new JobBench(database, parsed.GetValue(jobs)).Run(cancel) : null,
        part is null or "care" ? await new CareBench(database, parsed.GetValue(jobs)).Run(cancel) : null,
        part is null or "calendar" ? await CalendarBench.Run() : null,
        part is null or "identity" ? await new IdentityBench(database).Run(cancel) : null,
        part is null or "events" ? await new EventBench(database).Run(cancel) : null,
        part is "support" ? await new SupportBench(database, parsed.GetValue(rows)).Run(cancel) : null,
        part is "files" ? await new FileBench(database, parsed.GetValue(rows)).Run(cancel) : null);
    Console.WriteLine();
    Console.WriteLine(report.Machine);
    Console.WriteLine();
    Console.WriteLine(report.ToMarkdown());
    if (parsed.GetValue(json) is { } file)
        await File.WriteAllTextAsync(file, report.ToJson(), cancel);
    return 0;
});
// The launcher takes the word "bench" away. The help shows it.
return await new Command("./caraway") { root, new HelpOption() }.Parse(["bench", .. args]).InvokeAsync();
