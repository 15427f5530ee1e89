using System.Globalization;
using System.Text;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Caraway.Platform.Telemetry;

/// <summary>
/// Writes OpenTelemetry's metrics in Prometheus' text format, version 0.0.4, named as OpenTelemetry's Prometheus specification says:
/// <c>http.server.request.duration</c> in <c>s</c> is <c>http_server_request_duration_seconds</c>. (No exporter package restores; the
/// aggregation is the SDK's.)
/// </summary>
[ExportModes(ExportModes.Pull)]
internal sealed class PrometheusExporter : BaseExporter<Metric>, IPullMetricExporter
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>What the last collection gave.</summary>
    public string Text { get; private set; } = "";

    /// <summary>Set by the reader: collects and exports now.</summary>
    public Func<int, bool>? Collect { get; set; }

    public override ExportResult Export(in Batch<Metric> batch)
    {
        var families = new SortedDictionary<string, StringBuilder>(StringComparer.Ordinal);
        foreach (var metric in batch)
            Append(families, metric);
        Text = string.Concat(families.Values);
        return ExportResult.Success;
    }

    /// <summary>The metric's name with its unit, and <c>_total</c> where it only ever rises.</summary>
    internal static string Name(string name, string unit, MetricType type)
    {
        var plain = Identifier(name);
        var suffix = unit switch
        {
            "s" => "_seconds",
            "ms" => "_milliseconds",
            "By" => "_bytes",
            "1" when !type.IsSum() => "_ratio",
            _ => "",
        };
        if (!plain.EndsWith(suffix, StringComparison.Ordinal))
            plain += suffix;
        return IsCounter(type) && !plain.EndsWith("_total", StringComparison.Ordinal) ? plain + "_total" : plain;
    }

    internal static string LabelValue(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);

    private static bool IsCounter(MetricType type) => type is MetricType.LongSum or MetricType.DoubleSum;

    private static string Identifier(string name) => string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '_' ? c : '_'));

    private static void Append(SortedDictionary<string, StringBuilder> families, Metric metric)
    {
        var name = Name(metric.Name, metric.Unit, metric.MetricType);
        if (!families.TryGetValue(name, out var text))
        {
            families.Add(name, text = new StringBuilder());
            text.Append("# HELP ").Append(name).Append(' ').Append(metric.Description.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)).Append('\n');
            text.Append("# TYPE ").Append(name).Append(' ').Append(metric.MetricType.IsHistogram() ? "histogram" : IsCounter(metric.MetricType) ? "counter" : "gauge").Append('\n');
        }

        foreach (ref readonly var point in metric.GetMetricPoints())
        {
            var labels = Labels(point.Tags);
            if (metric.MetricType.IsHistogram())
                AppendHistogram(text, name, labels, point);
            else
                AppendSample(text, name, labels, Value(metric.MetricType, point));
        }
    }

    private static double Value(MetricType type, in MetricPoint point) => type switch
    {
        MetricType.LongSum or MetricType.LongSumNonMonotonic => point.GetSumLong(),
        MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic => point.GetSumDouble(),
        MetricType.LongGauge => point.GetGaugeLastValueLong(),
        _ => point.GetGaugeLastValueDouble(),
    };

    private static void AppendHistogram(StringBuilder text, string name, string labels, in MetricPoint point)
    {
        long below = 0;
        foreach (var bucket in point.GetHistogramBuckets())
        {
            below += bucket.BucketCount;
            var bound = double.IsPositiveInfinity(bucket.ExplicitBound) ? "+Inf" : bucket.ExplicitBound.ToString("R", CultureInfo.InvariantCulture);
            AppendSample(text, name + "_bucket", $"{labels}{(labels.Length > 0 ? "," : "")}le=\"{bound}\"", below);
        }

        AppendSample(text, name + "_sum", labels, point.GetHistogramSum());
        AppendSample(text, name + "_count", labels, point.GetHistogramCount());
    }

    private static void AppendSample(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0)
            text.Append('{').Append(labels).Append('}');
        var number = double.IsNaN(value) ? "NaN" : double.IsInfinity(value) ? value > 0 ? "+Inf" : "-Inf" : value.ToString("R", CultureInfo.InvariantCulture);
        text.Append(' ').Append(number).Append('\n');
    }

    private static string Labels(ReadOnlyTagCollection tags)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in tags)
            text.Append(text.Length > 0 ? "," : "").Append(Identifier(name)).Append("=\"").Append(LabelValue(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")).Append('"');
        return text.ToString();
    }
}
