using System.Globalization;
using System.Text;

namespace Caraway.Bench.Peers;

/// <summary>The tables of bench/RESULTS.md.</summary>
internal static class PeersReport
{
    public static string ToMarkdown(IReadOnlyList<SideFigures> figures)
    {
        var text = new StringBuilder();
        if (figures[0].Runs.Count > 0)
        {
            text.Append("| side, workers, batch | waiting jobs: jobs/s | of the first | CPU µs: side, database ")
                .AppendLine("| even load: p50, p99 ms | 8 callers: jobs/s | p50, p99 ms |")
                .AppendLine("|---|---:|---:|---:|---:|---:|---:|");
            foreach (var of in figures)
            {
                var drained = of.Median(run => run.Drained);
                var (own, database) = (of.Median(run => run.SideCpu), of.Median(run => run.DatabaseCpu));
                text.Append(Name(of))
                    .Append(CultureInfo.InvariantCulture, $" | {drained:#,0} | {drained / figures[0].Median(run => run.Drained):0.00}")
                    .Append(CultureInfo.InvariantCulture, $" | {own:#,0}, {database:#,0}")
                    .Append(" | ").Append(Delays(of, run => run.Paced))
                    .Append(CultureInfo.InvariantCulture, $" | {of.Median(run => run.Whole):#,0}")
                    .Append(" | ").Append(Delays(of, run => run.Loaded)).AppendLine(" |");
            }

            text.AppendLine();
        }

        if (figures[0].Kills is null)
            return text.ToString();
        text.Append("| side, workers, batch | kills, with jobs behind | changes | lost | doubled | without a change ")
            .AppendLine("| last effect after s |")
            .AppendLine("|---|---:|---:|---:|---:|---:|---:|");
        foreach (var of in figures)
        {
            var (kills, fate) = (of.Kills!, of.Kills!.Fate);
            var counts = string.Create(
                CultureInfo.InvariantCulture, $"{fate.Changes:#,0} | {fate.Lost} | {fate.Doubled} | {fate.Invented}");
            text.Append(Name(of))
                .Append(CultureInfo.InvariantCulture, $" | {kills.Kills}, {kills.Midway} | {counts} | {kills.Whole.TotalSeconds:0.0} |")
                .AppendLine();
        }

        return text.ToString();
    }

    private static string Name(SideFigures of) =>
        string.Create(CultureInfo.InvariantCulture, $"| {of.Side.Name}, {of.Side.Workers}, {of.Side.Batch}");

    private static string Delays(SideFigures of, Func<RunFigures, Delay> which) => string.Create(
        CultureInfo.InvariantCulture,
        $"{of.Median(run => which(run).P50Milliseconds):#,0.0}, {of.Median(run => which(run).P99Milliseconds):#,0.0}");
}
