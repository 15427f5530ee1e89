using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using Caraway.Platform.Hosting;

namespace Caraway.Bench;

/// <summary>
/// Latencies of the support desk over HTTP, with four callers, at ten thousand cases and at a million. A fifth of the cases belongs to one
/// busy owner. The texts are the determinations in samples/.
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
        await LoadSentences(cancel);
        var few = await Measure(client, Few, cancel);
        var many = await Measure(client, rows, cancel);
        return [.. few.Zip(many, (one, other) => new SupportFigure(one.Name, Few, one.Latency, rows, other.Latency))];
    }

    private async Task<List<(string Name, Latency Latency)>> Measure(HttpClient client, int count, CancellationToken cancel)
    {
        await Fill(count, cancel);
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

    private async Task LoadSentences(CancellationToken cancel)
    {
        await database.Execute("create schema bench; create table bench.sentences (n serial primary key, text text not null)", cancel);
        await using var connection = await database.Source.OpenConnectionAsync(cancel);
        await using var copy = await connection.BeginBinaryImportAsync("copy bench.sentences (text) from stdin (format binary)", cancel);
        foreach (var line in File.ReadLines(Path.Combine(Checkout(), "samples", "imr-determinations.csv")).Skip(1))
        {
            var fields = line.Split(';');
            await copy.StartRowAsync(cancel);
            await copy.WriteAsync($"{fields[2]}, {fields[3]}: {fields[4]}, {fields[5]}. {fields[6]}. {fields[7]}.", cancel);
        }

        await copy.CompleteAsync(cancel);
    }

    private Task Fill(int count, CancellationToken cancel) => database.Execute(
        $"""
        truncate support.cases cascade;
        insert into support.cases
            (id, owner, readers, title, description, status, severity, category, metadata, tags, created_at, updated_at)
        select n * 281000000::bigint, o.owner, array[o.owner], 'Case ' || n,
            s.text || ' Request ' || to_hex(n * 7919) || case when n % ({count} / 20) = 3 then ' The bottle held ambergris.' else '' end,
            'active', 'medium', 'other', '{"{}"}', array['tag' || n % 500], t.t, t.t
        from generate_series(0, {count - 1}) n
        join bench.sentences s on s.n = 1 + n % (select count(*) from bench.sentences),
        lateral (select case when n % 5 = 0 then 'gateway:busy' else 'gateway:user' || n % 20000 end as owner) o,
        lateral (select '2026-01-01Z'::timestamptz - ({count} - n) * interval '20 seconds' as t) t
        """,
        cancel);

    /// <exception cref="CommandException">The bench does not run in a checkout.</exception>
    private static string Checkout()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Caraway.slnx")))
                return folder.FullName;
        }

        throw new CommandException(ExitCode.Failed, "The bench needs the file samples/imr-determinations.csv of the checkout.");
    }
}

/// <summary>In milliseconds.</summary>
internal sealed record Latency(double P50, double P95, double P99);

/// <summary>A request at two sizes of the table.</summary>
internal sealed record SupportFigure(string Name, int Few, Latency AtFew, int Many, Latency AtMany);
