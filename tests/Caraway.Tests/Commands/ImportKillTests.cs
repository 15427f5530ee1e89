using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Commands;

/// <summary>The program gets kill -9 at random moments while it receives and imports a long file, and callers open cases.</summary>
[Trait("Category", "Long")]
public sealed class ImportKillTests(PostgresServer postgres, ITestOutputHelper output)
{
    private const int Rows = 60_000;
    private const int Kills = 10;

    [Fact]
    public async Task Each_row_becomes_one_case()
    {
        await using var database = await postgres.Create();
        var folder = TemporaryFolder.Create();
        var port = FreePort.Find();
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["DATABASE_URL"] = database.Address,
            ["CARAWAY_HOME"] = folder.FullName,
            ["ENVIRONMENT"] = "development",
            ["PORT"] = port.ToString(CultureInfo.InvariantCulture),
            ["Jobs__LeaseSeconds"] = "2",
            ["Jobs__MaxAttempts"] = "50",
            ["GATEWAY_SECRET"] = "secret",
        };
        var rows = Enumerable.Range(0, Rows).Select(n => $$"""{"description":"Row {{n}} of a long file."}""");
        var file = "[" + string.Join(",\n", rows) + "]";
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        var random = new Random(20261125);
        var (midway, receiving) = (0, 0);
        string? location = null;

        for (var kill = 0; kill < Kills; kill++)
        {
            using var server = CarawayProcess.Start(settings, "serve");
            await server.Says("is ready on");
            var sending = location is null ? Send(client, file) : null;
            if (sending is not null && kill >= 2)
            {
                location = await sending;
                sending = null;
            }

            var enough = (long)Rows * kill / (Kills + 1);
            while (sending is null && await Imported(database) < enough)
                await Task.Delay(1);
            await Task.Delay(random.Next(0, sending is null ? 30 : 300));
            server.Kill();
            await server.Exit();
            if (sending is not null)
            {
                try
                {
                    location = await sending;
                }
                catch (HttpRequestException)
                {
                    receiving++;
                }
            }

            midway += await database.Scalar<long>("select count(*) from platform.jobs where state = 'running'") > 0 ? 1 : 0;
            var done = await database.Scalar<long>("select coalesce(sum(done), 0)::bigint from support.imports");
            Assert.Equal(await Imported(database), done);
        }

        using (var last = CarawayProcess.Start(settings, "serve"))
        {
            await last.Says("is ready on");
            for (var tries = 0; await State(client, location!) != "succeeded"; tries++)
            {
                Assert.InRange(tries, 0, 1_200);
                await Task.Delay(100);
            }

            last.Terminate();
            Assert.Equal(0, await last.Exit());
        }

        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{Kills} kills, {receiving} while receiving, {midway} with a running job."));
        Assert.InRange(midway, 2, Kills);
        Assert.Equal(Rows, await Imported(database));
        Assert.Equal(Rows, await database.Scalar<long>("select count(distinct title) from support.cases"));
        Assert.Equal(Rows, await database.Scalar<long>("select count(distinct description) from support.cases"));
        Assert.Equal(Rows, await database.Scalar<long>("select count(*) from platform.events where name = 'support_case.imported'"));
        Assert.Equal(0, await database.Scalar<long>("""
            select count(*) from support.import_rows r join support.imports i on i.id = r.import_id where i.state <> 'receiving'
            """));
        folder.Delete(recursive: true);
    }

    private static Task<long> Imported(TestDatabase database) => database.Scalar<long>("select count(*) from support.cases");

    private static async Task<string?> Send(HttpClient client, string file)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/cases/import")
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(file)),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        AddUser(request);
        using var response = await client.SendAsync(request);
        Assert.Equal(202, (int)response.StatusCode);
        return response.Headers.Location!.ToString();
    }

    private static async Task<string> State(HttpClient client, string location)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, location);
        AddUser(request);
        using var response = await client.SendAsync(request);
        using var json = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return json.RootElement.GetProperty("state").GetString()!;
    }

    private static void AddUser(HttpRequestMessage request)
    {
        request.Headers.Add("X-User-ID", "anna");
        request.Headers.Add("X-Gateway-Secret", "secret");
    }
}
