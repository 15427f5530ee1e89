using System.Collections.Concurrent;
using System.Globalization;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Commands;

/// <summary>
/// The program gets kill -9 five times while callers open, move and share support cases. No answered change is lost, no case is without its
/// event, and no number is given twice.
/// </summary>
[Trait("Category", "Long")]
public sealed class SupportKillTests(PostgresServer postgres, ITestOutputHelper output)
{
    private const string Secret = "the secret of a gateway";
    private const int Kills = 5;
    private const int Callers = 6;

    private readonly ConcurrentBag<string> opened = [];
    private readonly ConcurrentBag<string> moved = [];
    private readonly ConcurrentBag<string> shared = [];

    [Fact]
    public async Task No_answered_change_of_a_support_case_is_lost()
    {
        await using var database = await postgres.Create();
        var (folder, port) = (TemporaryFolder.Create(), FreePort.Find());
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["DATABASE_URL"] = database.Address, ["CARAWAY_HOME"] = folder.FullName, ["CARAWAY_MASTER_KEY"] = CarawayFixture.Master,
            ["ENVIRONMENT"] = "development", ["PORT"] = port.ToString(CultureInfo.InvariantCulture), ["GATEWAY_SECRET"] = Secret,
        };
        using var client = new HttpClient { BaseAddress = new Uri($"http://localhost:{port}"), Timeout = TimeSpan.FromSeconds(10) };
        client.DefaultRequestHeaders.Add("X-Gateway-Secret", Secret);
        using var stop = new CancellationTokenSource();
        var callers = Task.WhenAll(Enumerable.Range(0, Callers).Select(n => Call(client, $"user{n % 2}", stop.Token)));
        var random = new Random(20261125);
        for (var kill = 0; kill < Kills; kill++)
        {
            using var program = CarawayProcess.Start(settings, "serve");
            var enough = opened.Count + 150;
            for (var tries = 0; opened.Count < enough; tries++)
            {
                Assert.True(tries < 3_000 && !program.HasExited, program.Output);
                await Task.Delay(10);
            }

            await Task.Delay(random.Next(0, 30));
            program.Kill();
            await program.Exit();
        }

        await stop.CancelAsync();
        await callers;
        output.WriteLine($"{Kills} kills; answered: {opened.Count} cases, {moved.Count} moves, {shared.Count} shares.");
        Assert.True(moved.Count > 100 && shared.Count > 100, "Too little was answered to prove anything.");

        Task<long> Count(string of) => database.Scalar<long>("select count(*) from " + of);
        string List(IEnumerable<string> ids) => string.Join(',', ids.Select(id => $"x'{id[5..]}'::bigint"));
        Assert.Equal(opened.Count, await Count($"support.cases where id in ({List(opened)})"));
        const string isResolved = "status = 'resolved' and resolved_at is not null";
        Assert.Equal(moved.Count, await Count($"support.cases where id in ({List(moved)}) and {isResolved}"));
        Assert.Equal(shared.Count, await Count($"support.shares where case_id in ({List(shared)}) and reader = 'gateway:reader'"));
        // A change and its events are there together, or neither is.
        Assert.Equal(await Count("support.cases"), await Count("platform.events where name = 'support_case.opened'"));
        Assert.Equal(await Count("support.cases where version = 2"), await Count("platform.events where name = 'support_case.moved'"));
        Assert.Equal(await Count("support.shares"), await Count("platform.events where name = 'support_case.shared'"));
        Assert.Equal(await Count("support.shares"), await Count("support.cases where readers @> array['gateway:reader']"));
        Assert.Equal(0, await Count("(select 1 from support.cases group by owner, title having count(*) > 1) twice"));
        Assert.Equal(
            await Count("support.cases"), await database.Scalar<long>("select sum(last)::bigint from support.day_numbers"));
        folder.Delete(recursive: true);
    }

    private async Task Call(HttpClient client, string user, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var answer = await Send(client, HttpMethod.Post, "/api/v1/cases", "{}", user);
                if (answer.Status != 201)
                    continue;
                var id = answer.Json.GetProperty("case_id").GetString()!;
                opened.Add(id);
                if ((await Send(client, HttpMethod.Post, $"/api/v1/cases/{id}/status", """{"status":"resolved"}""", user)).Status == 200)
                    moved.Add(id);
                if ((await Send(client, HttpMethod.Put, $"/api/v1/cases/{id}/shares/reader", """{"access":"view"}""", user)).Status == 200)
                    shared.Add(id);
            }
            catch (Exception e) when (e is HttpRequestException or IOException or TaskCanceledException)
            {
                // The program was killed: this request got no answer.
                await Task.Delay(50, CancellationToken.None);
            }
        }
    }

    private static Task<Answer> Send(HttpClient client, HttpMethod method, string path, string json, string user) =>
        CarawayFixture.Send(client, method, path, json, ("X-User-ID", user));
}
