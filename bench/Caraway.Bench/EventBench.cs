using System.Diagnostics;
using System.Globalization;

namespace Caraway.Bench;

/// <summary>The time from a change to the commit of its handler's effects, from the histogram of the product. One process runs.</summary>
internal sealed class EventBench(BenchDatabase database)
{
    private const int Callers = 8;
    private const string Intake = """{"full_name":"Ada Lovelace","narrative":"The plan denied the treatment."}""";
    private const string Histogram = "caraway_events_delay_seconds_bucket{handler=\"patient-timelines\",le=\"";
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(15);

    public async Task<EventFigures> Run(CancellationToken cancel)
    {
        using var product = await ServerProcess.Start("product", 8174, "/health", HttpBench.Product(database, 8174), cancel);
        using var client = new HttpClient { BaseAddress = new Uri("http://127.0.0.1:8174") };
        client.DefaultRequestHeaders.Add("X-API-Key", HttpBench.ApiKey);
        await database.CatchUp(cancel);
        await Load(client, TimeSpan.Zero, TimeSpan.FromSeconds(3), cancel);
        await database.CatchUp(cancel);
        var paced = await Measure(client, TimeSpan.FromMilliseconds(80), cancel);
        return new EventFigures(paced, await Measure(client, TimeSpan.Zero, cancel));
    }

    private async Task<EventDelay> Measure(HttpClient client, TimeSpan pause, CancellationToken cancel)
    {
        var before = await Buckets(client, cancel);
        var done = await Load(client, pause, Length, cancel);
        await database.CatchUp(cancel);
        var after = await Buckets(client, cancel);
        var buckets = after.Select(bucket => (bucket.Bound, Count: bucket.Count - CountAt(before, bucket.Bound))).ToList();
        return new EventDelay(
            done / Length.TotalSeconds, Quantile(buckets, 0.5) * 1000, Quantile(buckets, 0.99) * 1000,
            (double)CountAt(buckets, 0.1) / buckets[^1].Count);
    }

    private static async Task<int> Load(HttpClient client, TimeSpan pause, TimeSpan length, CancellationToken cancel)
    {
        var clock = Stopwatch.StartNew();
        var counts = await Task.WhenAll(Enumerable.Range(0, Callers).Select(async _ =>
        {
            var done = 0;
            for (; clock.Elapsed < length; done++)
            {
                await IdentityBench.Post(client, "/intakes", Intake, cancel);
                if (pause > TimeSpan.Zero)
                    await Task.Delay(pause, cancel);
            }

            return done;
        }));
        return counts.Sum();
    }

    private static async Task<List<(double Bound, long Count)>> Buckets(HttpClient client, CancellationToken cancel)
    {
        var text = await client.GetStringAsync(new Uri("/metrics", UriKind.Relative), cancel);
        return [.. text.Split('\n').Where(line => line.StartsWith(Histogram, StringComparison.Ordinal)).Select(line =>
        {
            var end = line.IndexOf('"', Histogram.Length);
            var bound = line[Histogram.Length..end];
            return (
                bound == "+Inf" ? double.PositiveInfinity : double.Parse(bound, CultureInfo.InvariantCulture),
                long.Parse(line.AsSpan(line.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture));
        })];
    }

    private static long CountAt(List<(double Bound, long Count)> buckets, double bound) =>
        buckets.First(bucket => bucket.Bound.Equals(bound)).Count;

    /// <summary>Linear within a bucket, as Prometheus' histogram_quantile.</summary>
    private static double Quantile(List<(double Bound, long Count)> buckets, double share)
    {
        var wanted = share * buckets[^1].Count;
        var at = buckets.FindIndex(bucket => bucket.Count >= wanted);
        var (low, below) = at == 0 ? (0, 0) : buckets[at - 1];
        var (high, upTo) = buckets[at];
        return double.IsInfinity(high) ? low : low + (high - low) * (wanted - below) / Math.Max(1, upTo - below);
    }
}

/// <summary>How soon events were handled.</summary>
/// <param name="WithinTenth">The share that was handled within 100 ms.</param>
internal sealed record EventDelay(double EventsPerSecond, double P50Milliseconds, double P99Milliseconds, double WithinTenth);

/// <summary>Both loads.</summary>
/// <param name="Paced">A hundred events per second.</param>
/// <param name="Full">As many events per second as eight callers can cause.</param>
internal sealed record EventFigures(EventDelay Paced, EventDelay Full);
