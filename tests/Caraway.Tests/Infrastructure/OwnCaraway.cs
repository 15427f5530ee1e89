using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Caraway.Tests.Infrastructure;

/// <summary>A second Caraway with its own settings, on the database of a test.</summary>
internal sealed class OwnCaraway : IAsyncDisposable
{
    private static readonly KeyValuePair<string, string?>[] Defaults =
    [
        new("Server:Port", "0"), new("Log:Level", "warning"), new("Identity:PasswordIterations", "1000"), new("Events:Enabled", "false"),
        new("Metrics:CacheMilliseconds", "0"),
    ];

    private readonly DirectoryInfo home = TemporaryFolder.Create();
    private readonly NpgsqlDataSource source;
    private readonly WebApplication app;

    private OwnCaraway(string address, IEnumerable<KeyValuePair<string, string?>> settings, string environment)
    {
        source = NpgsqlDataSource.Create(new DatabaseOptions().Common(new NpgsqlConnectionStringBuilder(address)));
        app = CarawayApplication.Build(new CarawayApplication.Dependencies
        {
            Configuration = new ConfigurationBuilder().AddInMemoryCollection(Defaults).AddInMemoryCollection(settings).Build(),
            EnvironmentName = environment,
            Source = source,
            MasterKey = MasterKey.Read(CarawayFixture.Master, new PrivateFolder(home.FullName)),
            ApiKey = CarawayFixture.ApiKey,
            ConfigureLogging = TestLog.Use,
        });
    }

    public IServiceProvider Services => app.Services;

    /// <summary>Sends the API key with each request.</summary>
    public HttpClient Client { get; private set; } = null!;

    /// <summary>Sends no credential.</summary>
    public HttpClient Stranger { get; private set; } = null!;

    public static async Task<OwnCaraway> Start(string address, params (string Key, string Value)[] settings) =>
        await Start(address, "Development", settings);

    public static async Task<OwnCaraway> Start(string address, string environment, params (string Key, string Value)[] settings)
    {
        var own = new OwnCaraway(address, settings.Select(s => KeyValuePair.Create(s.Key, (string?)s.Value)), environment);
        await own.app.StartAsync();
        var port = own.app.Urls.First().Split(':')[^1];
        own.Client = ClientOf(port);
        own.Stranger = ClientOf(port);
        own.Client.DefaultRequestHeaders.Add("X-API-Key", CarawayFixture.ApiKey);
        return own;
    }

    public async ValueTask DisposeAsync()
    {
        Client?.Dispose();
        Stranger?.Dispose();
        await app.StopAsync();
        await app.DisposeAsync();
        await source.DisposeAsync();
        home.Delete(recursive: true);
    }

    private static HttpClient ClientOf(string port) =>
        new(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
}
