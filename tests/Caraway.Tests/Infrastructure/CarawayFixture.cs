using Caraway.Platform.Hosting;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Caraway.Tests.Infrastructure;

/// <summary>A whole Caraway on a real socket, with a database of its own; one for each test class that asks for it.</summary>
public sealed class CarawayFixture(PostgresServer postgres) : IAsyncLifetime
{
    public const string ApiKey = "test-key-0123456789";

    /// <summary>A request with this in X-Gateway-Secret may name its user in X-User-ID.</summary>
    public const string GatewaySecret = "the secret of the gateway in tests";

    /// <summary>The master key, which all processes of one database share.</summary>
    public const string Master = "a master key for tests, of 32 characters or more";

    private readonly DirectoryInfo home = TemporaryFolder.Create();
    private WebApplication? app;
    private NpgsqlDataSource? source;

    public TestDatabase Database { get; private set; } = null!;

    /// <summary>Sends the API key with each request.</summary>
    public HttpClient Client { get; private set; } = null!;

    /// <summary>Sends no credential.</summary>
    public HttpClient Stranger { get; private set; } = null!;

    public Uri Url { get; private set; } = null!;

    public IServiceProvider Services => app!.Services;

    public async ValueTask InitializeAsync()
    {
        Database = await postgres.Create();
        source = NpgsqlDataSource.Create(
            new Caraway.Platform.Postgres.DatabaseOptions().Common(new NpgsqlConnectionStringBuilder(Database.Address)));
        app = CarawayApplication.Build(new CarawayApplication.Dependencies
        {
            Configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["Server:Port"] = "0",
                ["Server:CorsOrigins"] = "https://desk.example",
                ["Log:Level"] = "warning",
                // Jobs are run by the tests that are about them.
                ["Jobs:Enabled"] = "false",
                ["Metrics:CacheMilliseconds"] = "0",
                ["Events:Enabled"] = "false",
                // The real cost is paid by the bench.
                ["Identity:PasswordIterations"] = "1000",
                ["RateLimits:AddressPerMinute"] = "0",
                ["Identity:GatewaySecret"] = GatewaySecret,
            }).Build(),
            EnvironmentName = "Development",
            Source = source,
            MasterKey = MasterKey.Read(Master, new PrivateFolder(home.FullName)),
            ApiKey = ApiKey,
            ConfigureLogging = TestLog.Use,
        });
        await app.StartAsync();
        Url = new Uri(app.Urls.First());
        Stranger = Plain();
        Client = Plain();
        Client.DefaultRequestHeaders.Add("X-API-Key", ApiKey);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Stranger.Dispose();
        await app!.StopAsync();
        await app.DisposeAsync();
        await source!.DisposeAsync();
        await Database.DisposeAsync();
        home.Delete(recursive: true);
    }

    private HttpClient Plain() =>
        new(new SocketsHttpHandler { AllowAutoRedirect = false, RequestHeaderEncodingSelector = (_, _) => Encoding.Latin1 })
        {
            BaseAddress = Url,
        };

    /// <summary>Sends JSON as written, byte for byte.</summary>
    public Task<Answer> Send(HttpMethod method, string path, string? json = null, params (string Name, string Value)[] headers) =>
        Send(Client, method, path, json, headers);

    public Task<Answer> Get(string path, params (string Name, string Value)[] headers) => Send(HttpMethod.Get, path, null, headers);

    public Task<Answer> Post(string path, string json, params (string Name, string Value)[] headers) =>
        Send(HttpMethod.Post, path, json, headers);

    public Task<Answer> Patch(string path, string json, params (string Name, string Value)[] headers) =>
        Send(HttpMethod.Patch, path, json, headers);

    public static async Task<Answer> Send(
        HttpClient client, HttpMethod method, string path, string? json, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path);
        if (json is not null)
            request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var response = await client.SendAsync(request);
        return await Answer.Read(response);
    }

    /// <summary>Opens a case.</summary>
    /// <returns>Its id.</returns>
    public async Task<long> OpenCase(string name = "Ada Lovelace", string narrative = "My plan denied the treatment.")
    {
        var answer = await Post("/intakes", $$"""{"full_name":{{Quote(name)}},"narrative":{{Quote(narrative)}}}""");
        Assert.Equal(201, answer.Status);
        return answer.Json.GetProperty("case_id").GetInt64();
    }

    /// <summary>Takes a case through these statuses.</summary>
    public async Task Transition(long id, params string[] statuses)
    {
        foreach (var status in statuses)
            Assert.Equal(200, (await Patch($"/cases/{id}", $$"""{"status":"{{status}}"}""")).Status);
    }

    /// <summary>The text as a JSON string.</summary>
    public static string Quote(string text) => "\"" + JsonEncodedText.Encode(text) + "\"";
}

/// <summary>An answer, read whole.</summary>
public sealed record Answer(int Status, string Body, IReadOnlyDictionary<string, string> Headers)
{
    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    public string Detail => Json.GetProperty("detail").GetString()!;

    public string Code => Json.GetProperty("code").GetString()!;

    /// <summary>The pointers of a 422's errors, in order.</summary>
    public string[] Pointers => [.. Json.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("pointer").GetString()!)];

    public static async Task<Answer> Read(HttpResponseMessage response)
    {
        var headers = response.Headers.Concat(response.Content.Headers)
            .ToDictionary(h => h.Key, h => string.Join(", ", h.Value), StringComparer.OrdinalIgnoreCase);
        return new Answer((int)response.StatusCode, await response.Content.ReadAsStringAsync(), headers);
    }

    /// <summary>Checks that this is a problem of RFC 9457 with this status and code, and returns it.</summary>
    public Answer IsProblem(int status, string code)
    {
        Assert.Equal((status, code), (Status, Status < 400 || Body.Length == 0 ? "" : Code));
        Assert.Equal("application/problem+json", Headers["Content-Type"].Split(';')[0]);
        Assert.Equal(status, Json.GetProperty("status").GetInt32());
        Assert.Equal(Headers["X-Request-Id"], Json.GetProperty("traceId").GetString());
        Assert.NotEqual("", Json.GetProperty("title").GetString());
        Assert.NotEqual("", Detail);
        return this;
    }
}
