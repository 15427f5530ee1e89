using System.Diagnostics.Metrics;
using Caraway.Platform.Hosting;

namespace Caraway.Platform.Telemetry;

/// <summary>
/// Every fact that Caraway itself counts, with one method for each. <c>/metrics</c> shows them together with the meters of .NET.
/// docs/operations.md lists them.
/// </summary>
internal sealed class CarawayMetrics
{
    public const string MeterName = "Caraway";

    private readonly Meter meter;
    private readonly TimeProvider time;
    private readonly Counter<long> jobsEnded;
    private readonly Counter<long> jobsReturned;
    private readonly Histogram<double> jobBatches;
    private readonly Histogram<double> eventDelay;
    private readonly Counter<long> eventsFailed;
    private readonly Counter<long> accesses;
    private readonly Counter<long> accessesRefused;
    private readonly Dictionary<string, GaugeState> gauges = new(StringComparer.Ordinal);
    private long gaugesReadAt;

    public CarawayMetrics(IMeterFactory meters, IEnumerable<DatabaseGauge> databaseGauges, TimeProvider time)
    {
        this.time = time;
        meter = meters.Create(MeterName);
        meter.CreateObservableGauge(
            "caraway.build.info", () => new Measurement<int>(1, Tag("version", ProgramVersion.Text)), null,
            "Always 1; the label is the version of the program.");
        jobsEnded = meter.CreateCounter<long>(
            "caraway.jobs.ended", "{job}",
            "Attempts of jobs that ended in this process, by result: succeeded, failed (for good), retried.");
        jobsReturned = meter.CreateCounter<long>(
            "caraway.jobs.returned", "{job}", "Jobs of lost workers that this process queued again.");
        jobBatches = meter.CreateHistogram<double>(
            "caraway.jobs.batch.duration", "s", "Time from the claim of a batch of jobs to its end.");
        eventDelay = meter.CreateHistogram(
            "caraway.events.delay", "s", "Time from an event to the commit of its handler's effects, by handler.", null,
            new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600],
            });
        eventsFailed = meter.CreateCounter<long>(
            "caraway.events.failed", "{event}",
            "Failed attempts of handlers, by handler and by the next step of the event: retried, parked.");
        accesses = meter.CreateCounter<long>(
            "caraway.access.records", "{record}", "Answers with patients' data that this process recorded.");
        accessesRefused = meter.CreateCounter<long>(
            "caraway.access.refused", "{request}", "Requests refused because their access could not be recorded.");
        gaugesReadAt = time.GetTimestamp();
        meter.CreateObservableGauge(
            "caraway.gauges.age", () => time.GetElapsedTime(Interlocked.Read(ref gaugesReadAt)).TotalSeconds, "s",
            "Time since this process last read its gauges from the database.");
        foreach (var gauge in databaseGauges)
        {
            var state = new GaugeState(gauge);
            gauges.Add(gauge.Name, state);
            meter.CreateObservableGauge(gauge.Name, state.Measure, gauge.Unit, gauge.Description);
        }
    }

    public void JobsSucceeded(string queue, int count) => JobsEnded(queue, "succeeded", count);

    public void JobsFailed(string queue, int count) => JobsEnded(queue, "failed", count);

    public void JobRetried(string queue) => JobsEnded(queue, "retried", 1);

    public void JobsReturned(int count) => jobsReturned.Add(count);

    public void JobBatchWorked(string queue, TimeSpan took) => jobBatches.Record(took.TotalSeconds, Tag("queue", queue));

    public void EventHandled(string handler, TimeSpan delay) => eventDelay.Record(delay.TotalSeconds, Tag("handler", handler));

    public void EventFailed(string handler, bool parked) =>
        eventsFailed.Add(1, Tag("handler", handler), Tag("result", parked ? "parked" : "retried"));

    public void AccessesRecorded(int count) => accesses.Add(count);

    public void AccessRefused() => accessesRefused.Add(1);

    /// <summary>Takes the new values of a gauge. A series that has no value any more becomes 0.</summary>
    public void GaugeRead(string name, IReadOnlyList<GaugeReading> readings) => gauges[name].Take(readings);

    public void GaugesRead() => Interlocked.Exchange(ref gaugesReadAt, time.GetTimestamp());

    private void JobsEnded(string queue, string result, int count)
    {
        if (count > 0)
            jobsEnded.Add(count, Tag("queue", queue), Tag("result", result));
    }

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);

    private sealed class GaugeState(DatabaseGauge gauge)
    {
        private volatile Measurement<double>[] current = [];

        public IEnumerable<Measurement<double>> Measure() => current;

        public void Take(IReadOnlyList<GaugeReading> readings)
        {
            var next = new Dictionary<string, Measurement<double>>(StringComparer.Ordinal);
            foreach (var reading in readings)
                next.Add(string.Join('\n', reading.Labels), Create(reading.Value, reading.Labels));
            foreach (var gone in current)
            {
                var labels = gone.Tags.ToArray().Select(tag => (string)tag.Value!).ToArray();
                next.TryAdd(string.Join('\n', labels), Create(0, labels));
            }

            current = [.. next.Values];
        }

        private Measurement<double> Create(double value, string[] labels) => new(value, gauge.Labels.Zip(labels, Tag));
    }
}
