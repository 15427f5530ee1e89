using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;

namespace Caraway.Bench;

/// <summary>
/// Latencies of the support desk over HTTP, with four callers, at ten thousand cases and at a million.
/// </summary>
internal sealed class SupportBench(BenchDatabase database, int rows)
{
    private const int Callers = 4;
    private const int Few = 10_000;
    private const string Secret = "the gateway of the bench";
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(6);

    private string agent = "";

    private sealed record Request(string Name, Func<int, HttpRequestMessage> Make);

    /// <summary>The figures at both sizes, for each request.</summary>
    public async Task<IReadOnlyList<SupportFigure>> Run(CancellationToken cancel)
    {
        var start = HttpBench.Product(database, 8174);
        start.Environment["GATEWAY_SECRET"] = Secret;
        using var product = await ServerProcess.Start("product", 8174, "/health", start, cancel);
        using var client = new HttpClient { BaseAddress = new Uri("http://127.0.0.1:8174") };
        var account = await Account.Create(client, database, "agent", cancel);
        agent = (await account.SignIn(client, cancel)).GetProperty("access_token").GetString()!;
        await SupportCases.LoadSentences(database, cancel);
        var few = await Measure(client, Few, cancel);
        var many = await Measure(client, rows, cancel);
        return [.. few.Zip(many, (one, other) => new SupportFigure(one.Name, Few, one.Latency, rows, other.Latency))];
    }

    private async Task<List<(string Name, Latency Latency)>> Measure(HttpClient client, int count, CancellationToken cancel)
    {
        await SupportCases.Fill(database, count, cancel);
        await database.Settle(cancel);
        await database.CatchUp(cancel);
        var figures = new List<(string, Latency)>();
        foreach (var request in Requests(count))
        {
            await Load(client, request, WarmUp, cancel);
            figures.Add((request.Name, await Load(client, request, Length, cancel)));
            Console.WriteLine($"{count:#,0} cases, {request.Name}: p95 {figures[^1].Item2.P95:0.0} ms");
        }

        return figures;
    }

    private IEnumerable<Request> Requests(int count)
    {
        var deep = new Func<int, long>(n =>
            (new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds() - n * 7919L % count * 20_000) * 1000);
        yield return new("open a case", _ => Create(HttpMethod.Post, "/api/v1/cases", """
            {"title":"The upload stops","description":"The upload of the letter about the denied treatment stops.","tags":["upload"]}
            """));
        yield return new("get a case", n => Create(HttpMethod.Get, $"/api/v1/cases/case_{n * 7919L % (count / 5) * 5 * 281_000_000:x12}"));
        yield return new("list of the busy owner, a cursor", n => Create(HttpMethod.Get, $"/api/v1/cases?cursor={deep(n)}_0"));
        yield return new("list of an agent, a cursor", n => AsAgent($"/api/v1/cases?cursor={deep(n)}_0"));
        yield return new("list of an agent, page 3, with the total", _ => AsAgent("/api/v1/cases?page=3"));
        foreach (var (name, q) in new[]
        {
            ("a rare word", "ambergris"), ("a common word", "treatment"), ("two words", "hepatitis pharmacy"), ("a prefix", "residen"),
        })
        {
            yield return new($"search of an agent, {name}", _ => AsAgent($"/api/v1/search?kinds=support_case&q={Uri.EscapeDataString(q)}"));
            yield return new(
                $"search of the busy owner, {name}",
                _ => Create(HttpMethod.Get, $"/api/v1/search?kinds=support_case&q={Uri.EscapeDataString(q)}"));
        }
    }

    private static HttpRequestMessage Create(HttpMethod method, string path, string? json = null)
    {
        var request = new HttpRequestMessage(method, path);
        request.Headers.Add("X-User-ID", "busy");
        request.Headers.Add("X-Gateway-Secret", Secret);
        if (json is not null)
            request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        return request;
    }

    private HttpRequestMessage AsAgent(string path) =>
        new(HttpMethod.Get, path) { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", agent) } };

    private static async Task<Latency> Load(HttpClient client, Request request, TimeSpan length, CancellationToken cancel)
    {
        var clock = Stopwatch.StartNew();
        var next = 0;
        var all = await Task.WhenAll(Enumerable.Range(0, Callers).Select(async _ =>
        {
            var took = new List<double>();
            while (clock.Elapsed < length)
            {
                using var message = request.Make(Interlocked.Increment(ref next));
                var began = Stopwatch.GetTimestamp();
                using var answer = await client.SendAsync(message, cancel);
                var body = await answer.Content.ReadAsStringAsync(cancel);
                took.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
                if (!answer.IsSuccessStatusCode)
                    throw new InvalidOperationException($"{request.Name} was answered {(int)answer.StatusCode}: {body}");
            }

            return took;
        }));
        var sorted = all.SelectMany(took => took).Order().ToArray();
        double At(double part) => sorted[(int)Math.Min(sorted.Length - 1, sorted.Length * part)];
        return new Latency(At(0.5), At(0.95), At(0.99));
    }
}

/// <summary>In milliseconds.</summary>
internal sealed record Latency(double P50, double P95, double P99);

/// <summary>A request at two sizes of the table.</summary>
internal sealed record SupportFigure(string Name, int Few, Latency AtFew, int Many, Latency AtMany);
