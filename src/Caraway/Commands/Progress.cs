using System.Diagnostics;
using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Caraway.Commands;

/// <summary>
/// Shows on standard error how far a long command is: a bar on a terminal, and elsewhere a plain line for each step.
/// </summary>
internal static class Progress
{
    /// <param name="work">Calls its argument with the number of things that are done.</param>
    public static Task<T> Show<T>(string title, long total, Func<Action<long>, Task<T>> work)
    {
        if (!Terminal.IsErrorTerminal)
            return work(CreatePlainLines(total));
        return Terminal.Error.Progress()
            .Columns(
                new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new CountColumn(), new RemainingTimeColumn())
            .StartAsync(context =>
            {
                var task = context.AddTask(Markup.Escape(title), maxValue: Math.Max(total, 1));
                return work(done => task.Value = done);
            });
    }

    private static Action<long> CreatePlainLines(long total)
    {
        var watch = Stopwatch.StartNew();
        return done =>
        {
            var part = total == 0 ? 1 : (double)done / total;
            var rate = done / Math.Max(watch.Elapsed.TotalSeconds, 0.001);
            var left = rate > 0 ? (total - done) / rate : 0;
            Console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{part,4:0%}  {done:#,0} of {total:#,0}  {rate:#,0}/s  {left:0} s left"));
        };
    }

    private sealed class CountColumn : ProgressColumn
    {
        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text(string.Create(CultureInfo.InvariantCulture, $"{task.Value:#,0} of {task.MaxValue:#,0}"));
    }
}
