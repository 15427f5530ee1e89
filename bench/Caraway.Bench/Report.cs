using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Caraway.Bench;

/// <summary>The figures of one run of the bench. A part that did not run is null.</summary>
internal sealed record Report(
    string Machine,
    HttpFigures? Http,
    IReadOnlyList<JobFigure>? Jobs,
    IReadOnlyList<JobFigure>? Care,
    CalendarFigure? Calendar,
    IdentityFigures? Identity,
    EventFigures? Events,
    IReadOnlyList<SupportFigure>? Support,
    IReadOnlyList<FileFigure>? Files)
{
    public string ToJson() => JsonSerializer.Serialize(this, BenchJson.Default.Report);

    /// <summary>The tables of bench/RESULTS.md.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        if (Http is not null)
            Append(text, Http);
        if (Jobs is not null)
            Append(text, "jobs", Jobs);
        if (Care is not null)
            Append(text, "appointments", Care);
        if (Calendar is not null)
            Append(text, Calendar);
        if (Identity is not null)
            Append(text, Identity);
        if (Events is not null)
            Append(text, Events);
        if (Support is not null)
            Append(text, Support);
        if (Files is not null)
            Append(text, Files);
        return text.ToString();
    }

    private static void Append(StringBuilder text, IReadOnlyList<SupportFigure> figures)
    {
        Part(text, $"\n| support desk, 4 callers | {figures[0].Few:#,0} cases: p50, p95, p99 ms ");
        Line(text, $"| {figures[0].Many:#,0} cases: p50, p95, p99 ms | p50 grows by | p95 grows by |\n|---|---:|---:|---:|---:|");
        foreach (var figure in figures)
        {
            var (few, many) = (figure.AtFew, figure.AtMany);
            Part(text, $"| {figure.Name} | {few.P50:0.0}, {few.P95:0.0}, {few.P99:0.0} | {many.P50:0.0}, {many.P95:0.0}, {many.P99:0.0} ");
            Line(text, $"| {many.P50 / few.P50:0.00} | {many.P95 / few.P95:0.00} |");
        }
    }

    private static void Append(StringBuilder text, IReadOnlyList<FileFigure> figures)
    {
        Line(text, $"\n| files of support cases | rows | rows/s | peak MiB |\n|---|---:|---:|---:|");
        foreach (var figure in figures)
            Line(text, $"| {figure.Command} | {figure.Rows:#,0} | {figure.RowsPerSecond:#,0} | {figure.PeakMegabytes:0} |");
    }

    private static void Append(StringBuilder text, HttpFigures http)
    {
        Line(text, $"| operation | | requests/s | p50 ms | p99 ms | server CPU µs/request | database CPU µs/request |");
        Line(text, $"|---|---|---:|---:|---:|---:|---:|");
        foreach (var operation in http.Operations)
        {
            var first = $"`{operation.Operation}`";
            foreach (var (name, of) in new[]
            {
                ("limit", operation.Limit), ("limit, nothing recorded", operation.Unrecorded), ("product", operation.Product),
            })
            {
                if (of is null)
                    continue;
                Part(text, $"| {first} | {name} | {of.RequestsPerSecond:#,0} | {of.P50Milliseconds:0.00} | {of.P99Milliseconds:0.00} ");
                Line(text, $"| {of.CpuMicrosecondsPerRequest:#,0} | {of.DatabaseCpuMicrosecondsPerRequest:#,0} |");
                first = "";
            }

            AppendRatio(text, "ratio", operation.Product, operation.Limit);
            if (operation.Unrecorded is not null)
                AppendRatio(text, "to the limit, nothing recorded", operation.Product, operation.Unrecorded);
        }

        Part(text, $"\nThe product's resident memory: {http.ResidentAtStart:0} MB at the start, ");
        Line(text, $"{http.ResidentAfter:0} MB after the bench.");
    }

    private static void AppendRatio(StringBuilder text, string name, Measurement product, Measurement limit)
    {
        Part(text, $"| | **{name}** | **{product.RequestsPerSecond / limit.RequestsPerSecond:0.00}** ");
        Part(text, $"| {product.P50Milliseconds / limit.P50Milliseconds:0.00} ");
        Part(text, $"| {product.P99Milliseconds / limit.P99Milliseconds:0.00} ");
        Part(text, $"| {product.CpuMicrosecondsPerRequest / limit.CpuMicrosecondsPerRequest:0.00} ");
        Line(text, $"| {product.DatabaseCpuMicrosecondsPerRequest / limit.DatabaseCpuMicrosecondsPerRequest:0.00} |");
    }

    private static void Append(StringBuilder text, string title, IReadOnlyList<JobFigure> figures)
    {
        Line(text, $"\n| {title} | jobs/s |\n|---|---:|");
        foreach (var figure in figures)
            Line(text, $"| {figure.Name} | {figure.JobsPerSecond:#,0} |");
    }

    private static void Append(StringBuilder text, CalendarFigure figure)
    {
        Line(text, $"\n| a calendar of 1,000 appointments | CPU ms | MB allocated | bytes of text |\n|---|---:|---:|---:|");
        Line(text, $"| caraway | {figure.CpuMilliseconds:0.0} | {figure.AllocatedBytes / 1e6:0.0} | {figure.TextBytes:#,0} |");
    }

    private static void Append(StringBuilder text, IdentityFigures figures)
    {
        Line(text, $"\n| sign-ins and tokens | | server CPU µs |\n|---|---:|---:|");
        var (signIns, refreshes) = (figures.SignIns, figures.Refreshes);
        Line(text, $"| sign-ins, 220,000 iterations, 8 callers | {signIns.PerSecond:#,0.0}/s | {signIns.CpuMicroseconds:#,0} |");
        Line(text, $"| refreshes, 8 callers | {refreshes.PerSecond:#,0}/s | {refreshes.CpuMicroseconds:#,0} |");
        Line(text, $"| token check, the first time | {figures.TokenFirst:0.0} µs | |");
        Line(text, $"| token check, remembered | {figures.TokenRemembered:0.00} µs | |");
    }

    private static void Append(StringBuilder text, EventFigures figures)
    {
        Line(text, $"\n| from event to handler | events/s | p50 ms | p99 ms | within 100 ms |\n|---|---:|---:|---:|---:|");
        foreach (var (name, delay) in new[] { ("paced", figures.Paced), ("as fast as 8 callers can", figures.Full) })
        {
            Part(text, $"| {name} | {delay.EventsPerSecond:#,0} | {delay.P50Milliseconds:0} | {delay.P99Milliseconds:0} ");
            Line(text, $"| {delay.WithinTenth:0.0000} |");
        }
    }

    private static void Line(StringBuilder text, FormattableString line) => Part(text, line).AppendLine();

    private static StringBuilder Part(StringBuilder text, FormattableString part) =>
        text.Append(part.ToString(CultureInfo.InvariantCulture));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(Report))]
[JsonSerializable(typeof(LimitServer.Intake))]
[JsonSerializable(typeof(LimitServer.Change))]
internal sealed partial class BenchJson : JsonSerializerContext;
