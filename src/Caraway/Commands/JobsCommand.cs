using System.CommandLine;
using System.Globalization;
using Caraway.Platform.Hosting;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;

namespace Caraway.Commands;

/// <summary><c>caraway jobs list|retry</c>: what waits, works and has failed, and another try for what has failed.</summary>
internal static class JobsCommand
{
    private static readonly string[] States = ["queued", "running", "succeeded", "failed"];

    public static Command Create()
    {
        var state = new Option<string>("--state") { Description = "queued, running, succeeded or failed.", HelpName = "STATE", DefaultValueFactory = _ => "failed" };
        state.AcceptOnlyFromAmong(States);
        var limit = new Option<int>("--limit") { Description = "How many, newest first.", HelpName = "N", DefaultValueFactory = _ => 50 };
        var list = new Command("list", "Count the jobs by queue and state, and list those of one state.") { state, limit };
        list.SetAction((parsed, cancel) => List(parsed.GetValue(state)!, parsed.GetValue(limit), cancel));

        var ids = new Argument<long[]>("ID") { Description = "Numbers of failed jobs; none with --all.", Arity = ArgumentArity.ZeroOrMore };
        var all = new Option<bool>("--all") { Description = "Every failed job." };
        var retry = new Command("retry", "Queue failed jobs again, with all their tries before them.") { ids, all };
        retry.SetAction((parsed, cancel) => Retry(parsed.GetValue(ids) ?? [], parsed.GetValue(all), cancel));
        return new Command("jobs", "Look at the background jobs.") { list, retry };
    }

    private static async Task<int> List(string state, int limit, CancellationToken cancel)
    {
        await using var workspace = await Workspace.Open(Settings.Load(), PrivateFolder.Find(), cancel);
        await new Migrator(workspace.Source, Migrator.Embedded).Check(cancel);
        await using var database = new Database(workspace.Source);
        foreach (var count in await JobQueue.Counts(database, cancel))
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count.Queue,-20} {count.State,-10} {count.Jobs,10:#,0}"));
        Console.WriteLine();
        foreach (var job in await JobQueue.List(state, Math.Clamp(limit, 1, 10_000), database, cancel))
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{job.Id,-10} {job.Kind,-20} {job.Subject,-30} attempt {job.Attempt}  {job.UpdatedAt:yyyy-MM-dd HH:mm:ss}Z  {job.Error}"));
        return ExitCode.Done;
    }

    private static async Task<int> Retry(long[] ids, bool all, CancellationToken cancel)
    {
        if (all == ids.Length > 0)
            throw new CommandException(ExitCode.BadInput, "Name the failed jobs, or say --all.");
        await using var workspace = await Workspace.Open(Settings.Load(), PrivateFolder.Find(), cancel);
        await new Migrator(workspace.Source, Migrator.Embedded).Check(cancel);
        await using var database = new Database(workspace.Source);
        var queued = await JobQueue.RetryFailed(all ? null : ids, TimeProvider.System.GetUtcNow().UtcDateTime, database, cancel);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{queued:#,0} jobs are queued again."));
        return all || queued == ids.Distinct().Count() ? ExitCode.Done : ExitCode.BadInput;
    }
}
