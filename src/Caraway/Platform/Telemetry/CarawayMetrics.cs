using System.Diagnostics.Metrics;
using Caraway.Platform.Hosting;

namespace Caraway.Platform.Telemetry;

/// <summary>Every fact that Caraway itself counts, a method each. <c>/metrics</c> shows them beside .NET's own meters; docs/operations.md lists them.</summary>
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
        meter.CreateObservableGauge("caraway.build.info", () => new Measurement<int>(1, new KeyValuePair<string, object?>("version", ProgramVersion.Text)), null, "1, with the program's version.");
        jobsEnded = meter.CreateCounter<long>("caraway.jobs.ended", "{job}", "Tries of jobs that ended in this process, by result: succeeded, failed (for good), retried.");
        jobsReturned = meter.CreateCounter<long>("caraway.jobs.returned", "{job}", "Jobs of lost workers that this process queued again.");
        jobBatches = meter.CreateHistogram<double>("caraway.jobs.batch.duration", "s", "From the claim of a batch of jobs to its end.");
        eventDelay = meter.CreateHistogram(
            "caraway.events.delay", "s", "From what happened to the commit of what a handler made of it, by handler.", null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600] });
        eventsFailed = meter.CreateCounter<long>("caraway.events.failed", "{event}", "Tries of handlers that failed, by handler and what became of the event: retried, parked.");
        accesses = meter.CreateCounter<long>("caraway.access.records", "{record}", "Answers with patients' data that this process recorded.");
        accessesRefused = meter.CreateCounter<long>("caraway.access.refused", "{request}", "Requests refused because their access could not be recorded.");
        gaugesReadAt = time.GetTimestamp();
        meter.CreateObservableGauge("caraway.gauges.age", () => time.GetElapsedTime(Interlocked.Read(ref gaugesReadAt)).TotalSeconds, "s", "How long ago this process last read its gauges from the database.");
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

    public void JobBatchWorked(string queue, TimeSpan took) => jobBatches.Record(took.TotalSeconds, new KeyValuePair<string, object?>("queue", queue));

    public void EventHandled(string handler, TimeSpan delay) => eventDelay.Record(delay.TotalSeconds, new KeyValuePair<string, object?>("handler", handler));

    public void EventFailed(string handler, bool parked) =>
        eventsFailed.Add(1, new KeyValuePair<string, object?>("handler", handler), new KeyValuePair<string, object?>("result", parked ? "parked" : "retried"));

    public void AccessesRecorded(int count) => accesses.Add(count);

    public void AccessRefused() => accessesRefused.Add(1);

    /// <summary>What the database answered for a gauge. A series that was there before and is not now counts 0.</summary>
    public void GaugeRead(string name, IReadOnlyList<GaugeReading> readings) => gauges[name].Take(readings);

    public void GaugesRead() => Interlocked.Exchange(ref gaugesReadAt, time.GetTimestamp());

    private void JobsEnded(string queue, string result, int count)
    {
        if (count > 0)
            jobsEnded.Add(count, new KeyValuePair<string, object?>("queue", queue), new KeyValuePair<string, object?>("result", result));
    }

    private sealed class GaugeState(DatabaseGauge gauge)
    {
        private volatile Measurement<double>[] current = [];

        public IEnumerable<Measurement<double>> Measure() => current;

        public void Take(IReadOnlyList<GaugeReading> readings)
        {
            var next = readings.ToDictionary(reading => string.Join('\n', reading.Labels), reading => Of(reading.Value, reading.Labels), StringComparer.Ordinal);
            foreach (var gone in current)
            {
                var labels = gone.Tags.ToArray().Select(tag => (string)tag.Value!).ToArray();
                next.TryAdd(string.Join('\n', labels), Of(0, labels));
            }

            current = [.. next.Values];
        }

        private Measurement<double> Of(double value, string[] labels) =>
            new(value, gauge.Labels.Zip(labels, (name, label) => new KeyValuePair<string, object?>(name, label)));
    }
}
