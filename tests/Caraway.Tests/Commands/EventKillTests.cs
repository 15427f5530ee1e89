using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Caraway.Tests.Advocacy;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Commands;

/// <summary>
/// Two processes open and change cases for a minute. Every few seconds one is killed with -9, mostly the holder of the sequencer's lease.
/// </summary>
[Trait("Category", "Long")]
[Collection(Alone.Name)]
public sealed class EventKillTests(PostgresServer postgres, ITestOutputHelper output)
{
    private const int Writers = 16;
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(60);

    private readonly ConcurrentDictionary<string, int> answers = new(StringComparer.Ordinal);
    private readonly ConcurrentBag<long> cases = [];

    [Fact]
    public async Task Each_event_is_chained_once_handled_once_and_in_the_order_of_its_subject()
    {
        await using var database = await postgres.Create();
        var home = TemporaryFolder.Create();
        var patient = await database.Scalar<long>(
            """
            insert into identity.users (email, email_key, full_name, password_hash, role, created_at, updated_at)
            values ('pat@example.org', 'pat@example.org', 'Pat Doe', '', 'patient', now(), now()) returning id
            """);
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["DATABASE_URL"] = database.Address,
            ["CARAWAY_HOME"] = home.FullName,
            ["ENVIRONMENT"] = "development",
            ["CARAWAY_MASTER_KEY"] = CarawayFixture.Master,
            ["API_KEY"] = CarawayFixture.ApiKey,
            ["Log__Level"] = "warning",
            ["RateLimits__CallerPerMinute"] = "0",
            ["RateLimits__AddressPerMinute"] = "0",
        };
        var ports = new[] { FreePort.Find(), FreePort.Find() };
        var processes = ports.Select(port => Serve(settings, port)).ToArray();
        var clients = ports.Select(Client).ToArray();
        foreach (var client in clients)
            await IsUp(client);

        using var ended = new CancellationTokenSource();
        var writing = Enumerable.Range(0, Writers)
            .Select(n => Task.Run(() => Write(new Random(n), clients, patient, ended.Token))).ToList();
        var random = new Random(20261121);
        var (kills, holders) = (0, 0);
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < Length;)
        {
            await Task.Delay(random.Next(1_500, 4_000));
            var holder = await database.Scalar<string>(
                "select split_part(holder, ':', 2) from platform.sequencer where lease_until > now()") ?? "";
            var held = Array.FindIndex(processes, process => process.Id.ToString(CultureInfo.InvariantCulture) == holder);
            var victim = held >= 0 && random.Next(5) > 0 ? held : random.Next(2);
            processes[victim].Kill();
            await processes[victim].Exit();
            kills++;
            holders += victim == held ? 1 : 0;
            processes[victim].Dispose();
            processes[victim] = Serve(settings, ports[victim]);
            await IsUp(clients[victim]);
        }

        await ended.CancelAsync();
        await Task.WhenAll(writing);
        var drained = Stopwatch.StartNew();
        while (await database.Scalar<bool>(
            """
            select exists (select from platform.events e where not exists (select from platform.chain c where c.event_id = e.id))
                or exists (select from platform.event_cursors c, platform.sequencer s where c.position < s.position)
            """))
        {
            Assert.True(
                drained.Elapsed < TimeSpan.FromSeconds(60), "Some events are not handled.\n" + processes[0].Output + processes[1].Output);
            await Task.Delay(50);
        }

        drained.Stop();
        var (exitCode, said) = await CarawayProcess.Run(settings, "audit", "verify");
        var events = await database.Scalar<long>("select count(*) from platform.events");
        var ofCases = await database.Scalar<long>("select count(*) from platform.events where name like 'case.%'");
        var fence = await database.Scalar<long>("select fence from platform.sequencer");
        var ids = await database.Scalar<long>("select max(id) from platform.events");
        var counts = answers.OrderBy(answer => answer.Key, StringComparer.Ordinal).Select(answer => $"{answer.Key} {answer.Value}");
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"""
            {kills} kills, {holders} of them of the sequencer; fence {fence}.
            {events} events, {ofCases} of cases, {ids} ids, {cases.Count} cases;
            all handled {drained.Elapsed.TotalSeconds:0.0} s after the last write.
            Answers: {string.Join(", ", counts)}.
            {said}
            """));
        foreach (var process in processes)
        {
            process.Terminate();
            Assert.Equal(0, await process.Exit());
            process.Dispose();
        }

        Assert.Equal(0, exitCode);
        Assert.InRange(holders, 5, kills);
        Assert.InRange(ofCases, 1_000, events);
        Assert.Equal(0, await database.Scalar<long>(
            """
            select count(*) from platform.events e full join platform.chain c on c.event_id = e.id
            where e.id is null or c.event_id is null
            """));
        Assert.Equal(
            $"1 {events} {events} {events}",
            await database.Scalar<string>(
                "select concat_ws(' ', min(position), max(position), count(*), count(distinct event_id)) from platform.chain"));
        Assert.Equal(
            0,
            await database.Scalar<long>(
                """
                select count(*) from (
                    select e.id, lag(e.id) over (partition by e.subject order by c.position) as before
                    from platform.events e join platform.chain c on c.event_id = e.id
                ) o where before > id
                """));
        Assert.Equal(0, await database.Scalar<long>("select count(*) from platform.event_retries"));
        Assert.Equal(
            $"{ofCases} {ofCases}",
            await database.Scalar<string>(
                """
                select count(*) || ' ' || count(distinct t.event_id)
                from patients.timeline t join platform.events e on e.id = t.event_id and e.name like 'case.%'
                """));
        Assert.Equal(ofCases, await database.Scalar<long>("select count(*) from patients.timeline"));
        Assert.NotEqual("", await database.CheckRollup());
        // Each answered intake is there.
        Assert.Equal(
            cases.Count,
            await database.Scalar<long>("select count(*) from advocacy.cases where id = any(@ids)", ("ids", cases.ToArray())));
        foreach (var client in clients)
            client.Dispose();
        home.Delete(recursive: true);
    }

    /// <summary>Opens cases, and changes the status of its own and of other writers' cases.</summary>
    private async Task Write(Random random, HttpClient[] clients, long patient, CancellationToken ended)
    {
        while (!ended.IsCancellationRequested)
        {
            var intake = $$"""{"full_name":"Pat Doe","narrative":"Denied.","patient_id":{{patient}}}""";
            var opened = await Send(random, clients, HttpMethod.Post, "/intakes", intake, ended);
            if (opened is null)
                return;
            var own = JsonDocument.Parse(opened).RootElement.GetProperty("case_id").GetInt64();
            cases.Add(own);
            for (var move = 0; move < 12; move++)
            {
                var id = random.Next(4) == 0 && cases.TryPeek(out var newest) ? newest : own;
                var status = move % 2 == 0 ? "IN_REVIEW" : "NEEDS_INFO";
                if (await Send(random, clients, HttpMethod.Patch, $"/cases/{id}", $$"""{"status":"{{status}}"}""", ended) is null)
                    return;
            }
        }
    }

    /// <summary>Sends a request, to the other process when one is down.</summary>
    /// <returns>The answer's body; null after the end.</returns>
    private async Task<string?> Send(
        Random random, HttpClient[] clients, HttpMethod method, string path, string json, CancellationToken ended)
    {
        for (var turn = random.Next(2); !ended.IsCancellationRequested; turn++)
        {
            try
            {
                using var request = new HttpRequestMessage(method, path)
                {
                    Content = new StringContent(json, Encoding.UTF8, "application/json"),
                };
                using var response = await clients[turn % 2].SendAsync(request, CancellationToken.None);
                Count(((int)response.StatusCode).ToString(CultureInfo.InvariantCulture));
                if ((int)response.StatusCode is 200 or 201 or 409)
                    return await response.Content.ReadAsStringAsync(CancellationToken.None);
                Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                Count("none");
            }

            await Task.Delay(10, CancellationToken.None);
        }

        return null;
    }

    private void Count(string answer) => answers.AddOrUpdate(answer, 1, (_, counted) => counted + 1);

    private static CarawayProcess Serve(Dictionary<string, string> settings, int port) =>
        CarawayProcess.Start(
            new Dictionary<string, string>(settings, StringComparer.Ordinal) { ["PORT"] = port.ToString(CultureInfo.InvariantCulture) },
            "serve");

    private static HttpClient Client(int port)
    {
        var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(30) };
        client.DefaultRequestHeaders.Add("X-API-Key", CarawayFixture.ApiKey);
        return client;
    }

    private static async Task IsUp(HttpClient client)
    {
        for (var tries = 0; ; tries++)
        {
            Assert.InRange(tries, 0, 1_200);
            try
            {
                using var response = await client.GetAsync("/health");
                if (response.StatusCode == HttpStatusCode.OK)
                    return;
            }
            catch (HttpRequestException)
            {
                // Not yet.
            }

            await Task.Delay(50);
        }
    }
}
