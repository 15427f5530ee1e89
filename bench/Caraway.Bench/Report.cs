using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Caraway.Bench;

/// <summary>All that one run of the bench found.</summary>
internal sealed record Report(
    string Machine, HttpFigures? Http, IReadOnlyList<JobFigure>? Jobs, IReadOnlyList<JobFigure>? Care, CalendarFigure? Calendar,
    IdentityFigures? Identity, EventFigures? Events)
{
    public string ToJson() => JsonSerializer.Serialize(this, BenchJson.Default.Report);

    /// <summary>The tables of bench/RESULTS.md.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        void Line(FormattableString line) => text.AppendLine(line.ToString(CultureInfo.InvariantCulture));
        if (Http is not null)
        {
            text.AppendLine("| operation | | requests/s | p50 ms | p99 ms | server CPU µs/request | database CPU µs/request |").AppendLine("|---|---|---:|---:|---:|---:|---:|");
            foreach (var operation in Http.Operations)
            {
                var first = $"`{operation.Operation}`";
                foreach (var (name, of) in new[] { ("limit", operation.Limit), ("limit, nothing recorded", operation.Unrecorded), ("product", operation.Product) })
                {
                    if (of is null)
                        continue;
                    Line($"| {first} | {name} | {of.RequestsPerSecond:#,0} | {of.P50Milliseconds:0.00} | {of.P99Milliseconds:0.00} | {of.CpuMicrosecondsPerRequest:#,0} | {of.DatabaseCpuMicrosecondsPerRequest:#,0} |");
                    first = "";
                }

                foreach (var (name, of) in new[] { ("ratio", operation.Limit), ("to the limit, nothing recorded", operation.Unrecorded) })
                {
                    if (of is not null)
                        Line($"| | **{name}** | **{operation.Product.RequestsPerSecond / of.RequestsPerSecond:0.00}** | {operation.Product.P50Milliseconds / of.P50Milliseconds:0.00} | {operation.Product.P99Milliseconds / of.P99Milliseconds:0.00} | {operation.Product.CpuMicrosecondsPerRequest / of.CpuMicrosecondsPerRequest:0.00} | {operation.Product.DatabaseCpuMicrosecondsPerRequest / of.DatabaseCpuMicrosecondsPerRequest:0.00} |");
                }
            }

            Line($"\nThe product's resident memory: {Http.ResidentAtStart:0} MB at the start, {Http.ResidentAfter:0} MB after the bench.");
        }

        foreach (var (title, figures) in new[] { ("jobs", Jobs), ("appointments", Care) })
        {
            if (figures is null)
                continue;
            text.AppendLine().AppendLine($"| {title} | jobs/s |").AppendLine("|---|---:|");
            foreach (var figure in figures)
                Line($"| {figure.Name} | {figure.JobsPerSecond:#,0} |");
        }

        if (Calendar is not null)
        {
            text.AppendLine().AppendLine("| a calendar of 1,000 appointments | CPU ms | MB allocated | bytes of text |").AppendLine("|---|---:|---:|---:|");
            Line($"| caraway | {Calendar.CpuMilliseconds:0.0} | {Calendar.AllocatedBytes / 1e6:0.0} | {Calendar.TextBytes:#,0} |");
        }

        if (Identity is not null)
        {
            text.AppendLine().AppendLine("| sign-ins and tokens | | server CPU µs |").AppendLine("|---|---:|---:|");
            Line($"| sign-ins, 220,000 iterations, 8 callers | {Identity.SignIns.PerSecond:#,0.0}/s | {Identity.SignIns.CpuMicroseconds:#,0} |");
            Line($"| refreshes, 8 callers | {Identity.Refreshes.PerSecond:#,0}/s | {Identity.Refreshes.CpuMicroseconds:#,0} |");
            Line($"| token check, the first time | {Identity.TokenFirst:0.0} µs | |");
            Line($"| token check, remembered | {Identity.TokenRemembered:0.00} µs | |");
        }

        if (Events is not null)
        {
            text.AppendLine().AppendLine("| from event to handler | events/s | p50 ms | p99 ms | within 100 ms |").AppendLine("|---|---:|---:|---:|---:|");
            foreach (var (name, delay) in new[] { ("paced", Events.Paced), ("as fast as 8 callers can", Events.Full) })
                Line($"| {name} | {delay.EventsPerSecond:#,0} | {delay.P50Milliseconds:0} | {delay.P99Milliseconds:0} | {delay.WithinTenth:0.0000} |");
        }

        return text.ToString();
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(Report))]
[JsonSerializable(typeof(LimitServer.Intake))]
[JsonSerializable(typeof(LimitServer.Change))]
internal sealed partial class BenchJson : JsonSerializerContext;
