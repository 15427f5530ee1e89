using System.Globalization;
using System.Net.Http.Headers;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Commands;

/// <summary>A server that exports and imports long files needs no more memory for them than for short ones.</summary>
[Trait("Category", "Long")]
public sealed class CaseFileMemoryTests(PostgresServer postgres, ITestOutputHelper output) : IAsyncLifetime
{
    /// <summary>In KiB.</summary>
    private const long Most = 150 * 1024;

    /// <summary>
    /// In KiB: what an import may add to the memory of a server that is ready, with the job and the event handlers in the same process. A
    /// body of 64 MiB in memory, as bytes and as rows, would be more.
    /// </summary>
    private const long MostOfAnImport = 96 * 1024;

    private readonly DirectoryInfo folder = TemporaryFolder.Create();
    private readonly int port = FreePort.Find();
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.Create();

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData("json", 300_000, 300)]
    [InlineData("csv", 300_000, 300)]
    [InlineData("json", 4_000, 20_000)]
    public async Task An_export_is_never_in_memory_whole(string format, int cases, int length)
    {
        await database.Execute($$"""
            insert into support.cases (
                id, owner, readers, title, description, status, severity, category, metadata, tags, created_at, updated_at)
            select n, 'gateway:anna', '{gateway:anna}', 'Case ' || n, repeat('é', {{length}}), 'active', 'low', 'other', '{}', '{}', t, t
            from generate_series(1, {{cases}}) n, lateral (select timestamptz '2026-01-01Z' + n * interval '1 second') c (t)
            """);
        using var server = CarawayProcess.Start(Settings(), "serve");
        await server.Says("is ready on");
        using var client = Client();

        using var response = await client.GetAsync($"/api/v1/cases/export?format={format}", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var lines = 0;
        while (await reader.ReadLineAsync() is not null)
            lines++;

        Assert.Equal(cases + (format == "csv" ? 1 : 2), lines);
        Assert.InRange(Peak(server), 1, Most);
    }

    [Theory]
    [InlineData('x', 600)]
    [InlineData('é', 20_000)]
    public async Task An_import_of_64_MiB_is_never_in_memory_whole(char letter, int length)
    {
        const int most = 64 * 1024 * 1024;
        using var server = CarawayProcess.Start(Settings(), "serve");
        await server.Says("is ready on");
        var ready = Peak(server);
        using var client = Client();
        var row = System.Text.Encoding.UTF8.GetBytes("{\"description\":\"" + new string(letter, length) + "\"}\n");
        var rows = most / row.Length;
        using var body = new ByteArrayContent([.. Enumerable.Repeat(row, rows).SelectMany(bytes => bytes)]);
        body.Headers.ContentType = new MediaTypeHeaderValue("application/x-ndjson");

        using var response = await client.PostAsync("/api/v1/cases/import", body);

        Assert.Equal(202, (int)response.StatusCode);
        for (var tries = 0; await database.Scalar<string>("select state from support.imports") != "succeeded"; tries++)
        {
            Assert.InRange(tries, 0, 3_000);
            await Task.Delay(100);
        }

        Assert.Equal(rows, await database.Scalar<long>("select count(*) from support.cases"));
        Assert.InRange(Peak(server) - ready, 1, MostOfAnImport);
    }

    private HttpClient Client()
    {
        var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromMinutes(10) };
        client.DefaultRequestHeaders.Add("X-User-ID", "anna");
        client.DefaultRequestHeaders.Add("X-Gateway-Secret", "secret");
        return client;
    }

    /// <summary>The most resident memory that the process had, in KiB.</summary>
    private long Peak(CarawayProcess server)
    {
        var line = File.ReadLines($"/proc/{server.Id}/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
        var peak = long.Parse(line.Split(':')[1].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{peak / 1024.0:0} MiB"));
        return peak;
    }

    private Dictionary<string, string> Settings() => new(StringComparer.Ordinal)
    {
        ["DATABASE_URL"] = database.Address,
        ["CARAWAY_HOME"] = folder.FullName,
        ["ENVIRONMENT"] = "development",
        ["PORT"] = port.ToString(CultureInfo.InvariantCulture),
        ["GATEWAY_SECRET"] = "secret",
        ["DOTNET_GCgen0size"] = "0x800000",
    };
}
