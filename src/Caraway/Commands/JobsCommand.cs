using System.CommandLine;
using System.Globalization;
using Caraway.Platform.Hosting;
using Caraway.Platform.Jobs;

namespace Caraway.Commands;

/// <summary><c>caraway jobs list|retry</c>: shows the background jobs, and queues failed jobs again.</summary>
internal static class JobsCommand
{
    private const int DefaultLimit = 50;
    private const int MaxLimit = 10_000;

    private static readonly string[] States = ["queued", "running", "succeeded", "failed"];

    public static Command Create()
    {
        var state = new Option<string>("--state") { Description = "The state of the jobs to list.", DefaultValueFactory = _ => "failed" };
        state.AcceptOnlyFromAmong(States);
        var limit = NumberOption.Create("--limit", "N", $"The most jobs to list, newest first [default: {DefaultLimit}].");
        var list = new Command("list", "Count the jobs by queue and state, and list the jobs of one state.") { state, limit };
        list.SetAction((parsed, cancel) => RunList(parsed.GetValue(state)!, parsed.GetValue(limit) ?? DefaultLimit, cancel));

        var ids = NumberOption.CreateArguments("ID", "The numbers of failed jobs.");
        var all = new Option<bool>("--all") { Description = "Every failed job." };
        var retry = new Command("retry", "Queue failed jobs again. Each gets all its attempts again.") { ids, all };
        retry.SetAction((parsed, cancel) => RunRetry(parsed.GetValue(ids) ?? [], parsed.GetValue(all), cancel));
        return new Command("jobs", "Look at the background jobs.") { list, retry };
    }

    private static Task<int> RunList(string state, long limit, CancellationToken cancel) => Workspace.Use(
        Schema.Fits,
        async workspace =>
        {
            var counts = await JobQueue.Counts(workspace.Database, cancel);
            Terminal.WriteTable(
                ["queue", "state", "jobs"],
                [.. counts.Select(count => new[] { count.Queue, count.State, Text($"{count.Jobs:#,0}") })],
                "There are no jobs.");
            if (counts.Count == 0)
                return ExitCode.Done;
            Console.WriteLine();
            var jobs = await JobQueue.List(state, (int)Math.Clamp(limit, 1, MaxLimit), workspace.Database, cancel);
            Terminal.WriteTable(
                ["id", "kind", "subject", "attempt", "changed", "error"], [.. jobs.Select(Describe)], $"No job is {state}.");
            return ExitCode.Done;
        },
        cancel);

    private static string[] Describe(JobQueue.Listed job) =>
    [
        Text($"{job.Id}"),
        job.Kind,
        job.Subject,
        Text($"attempt {job.Attempt}"),
        Text($"{job.UpdatedAt:yyyy-MM-dd HH:mm:ss}Z"),
        job.Error ?? "",
    ];

    private static Task<int> RunRetry(long[] ids, bool all, CancellationToken cancel)
    {
        if (all == ids.Length > 0)
            throw new CommandException(ExitCode.BadInput, "Name the failed jobs, or say --all.");
        return Workspace.Use(
            Schema.Fits,
            async workspace =>
            {
                var states = await JobQueue.StatesOf(ids, workspace.Database, cancel);
                var queued = await JobQueue.RetryFailed(all ? null : ids, Workspace.Now, workspace.Database, cancel);
                Console.WriteLine(Text($"{queued:#,0} jobs are queued again."));
                var refused = ids.Distinct().Where(id => states.GetValueOrDefault(id) != "failed").ToList();
                foreach (var id in refused)
                {
                    await Console.Error.WriteLineAsync(states.TryGetValue(id, out var state)
                        ? Text($"Job {id} is {state}. Only failed jobs can be queued again.")
                        : Text($"There is no job {id}."));
                }

                return refused.Count == 0 ? ExitCode.Done : ExitCode.BadInput;
            },
            cancel);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
