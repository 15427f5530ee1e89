using System.CommandLine;
using System.Globalization;
using System.Net.Sockets;
using Caraway.Platform.Hosting;
using Caraway.Platform.Security;

namespace Caraway.Commands;

/// <summary><c>caraway serve</c>: answers until it is told to stop.</summary>
internal static partial class ServeCommand
{
    private const string ApiKeyFile = "api-key";

    public static Command Create()
    {
        var command = new Command("serve", "Serve the API on http://localhost:8000 (PORT), with an embedded PostgreSQL unless DATABASE_URL names a server.");
        var role = new Option<string>("--role")
        {
            Description = "api answers requests and leaves jobs and events to others; worker does those and answers only /health; all does both.",
            HelpName = "api|worker|all",
            DefaultValueFactory = _ => "all",
        };
        role.AcceptOnlyFromAmong("api", "worker", "all");
        command.Options.Add(role);
        command.SetAction((parsed, cancel) => Serve(parsed.GetValue(role)!, cancel));
        return command;
    }

    private static async Task<int> Serve(string role, CancellationToken cancel)
    {
        var configuration = Settings.Load();
        if (role == "api")
            configuration["Jobs:Enabled"] = configuration["Events:Enabled"] = "false";
        var home = PrivateFolder.Find();
        WarnOfUnneeded(configuration);
        var server = Workspace.Bind<ServerOptions>(configuration, "Server");
        Workspace.Bind<Platform.Jobs.JobOptions>(configuration, "Jobs");
        Workspace.Bind<Platform.Events.EventOptions>(configuration, "Events");
        Workspace.Bind<Platform.Audit.AccessLogOptions>(configuration, "AccessLog");
        var isDevelopment = Settings.EnvironmentName(configuration) == Environments.Development;
        Workspace.Bind<Identity.IdentityOptions>(configuration, "Identity").Check(isDevelopment);
        var apiKey = ApiKey(configuration, home, isDevelopment);
        if (!isDevelopment && string.IsNullOrWhiteSpace(configuration["MasterKey"]) && !Workspace.Bind<Platform.Postgres.DatabaseOptions>(configuration, "Database").IsEmbedded)
            throw new CommandException(ExitCode.BadInput, "No master key is configured. Every process of one database needs the same: set CARAWAY_MASTER_KEY (make one with: openssl rand -hex 32).");

        await using var only = OnlyServer(configuration, home, server.Port);
        await using var workspace = await Workspace.Open(configuration, home, cancel);
        await workspace.PrepareSchema(cancel);
        var first = isDevelopment ? await FirstStart.Prepare(workspace, cancel) : null;
        await using var app = CarawayApplication.Build(new CarawayApplication.Dependencies
        {
            Configuration = configuration,
            EnvironmentName = workspace.EnvironmentName,
            Source = workspace.Source,
            MasterKey = MasterKey.Read(configuration["MasterKey"], home),
            ApiKey = apiKey,
            AnswersRequests = role != "worker",
        });
        try
        {
            await app.StartAsync(cancel);
        }
        catch (IOException e) when (e.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException or SocketException || e.Message.Contains("address already in use", StringComparison.OrdinalIgnoreCase))
        {
            await app.StopAsync(CancellationToken.None);
            throw new CommandException(ExitCode.Busy, $"Port {server.Port} is taken by another program. Choose another one: PORT=8001 ./caraway serve", e);
        }

        if (workspace.IsDevelopment)
            Announce(app, workspace, first);
        else
            LogServing(app.Logger, Platform.Http.Health.Version, app.Urls.First());
        await app.WaitForShutdownAsync(cancel);
        LogStopped(app.Logger);
        return ExitCode.Done;
    }

    [LoggerMessage(50, LogLevel.Information, "Caraway {Version} serves on {Url}.")]
    private static partial void LogServing(ILogger logger, string version, string url);

    [LoggerMessage(51, LogLevel.Information, "Caraway has stopped; no request is in flight.")]
    private static partial void LogStopped(ILogger logger);

    /// <summary>The environment's key; in development one of this folder's own. Elsewhere there is no key that nobody chose.</summary>
    private static string ApiKey(IConfiguration configuration, PrivateFolder home, bool isDevelopment)
    {
        if (configuration["ApiKey:Key"] is { Length: > 0 } key)
        {
            return key.All(c => c is >= '!' and <= '~')
                ? key
                : throw new CommandException(ExitCode.BadInput, "API_KEY must have visible ASCII characters only, for it travels in a header.");
        }

        return isDevelopment
            ? home.ReadOrCreateSecret(ApiKeyFile)
            : throw new CommandException(ExitCode.BadInput, "No API key is configured. Set API_KEY (make one with: openssl rand -hex 32).");
    }

    /// <summary>One server a folder, where the folder holds the database.</summary>
    private static FileStream? OnlyServer(IConfiguration configuration, PrivateFolder home, int port)
    {
        if (!Workspace.Bind<Platform.Postgres.DatabaseOptions>(configuration, "Database").IsEmbedded)
            return null;
        home.Create();
        var note = home.FileIn("serve.pid");
        try
        {
            var file = FileLock.Take(home.FileIn("serve.lock"), FileShare.None);
            File.WriteAllText(note, string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId}, port {port}"));
            return file;
        }
        catch (IOException e) when (FileLock.IsHeld(e))
        {
            var who = File.Exists(note) ? File.ReadAllText(note) : "unknown process";
            throw new CommandException(ExitCode.Busy, $"Caraway is already serving from {home.State} ({who}). Stop it first, or set DATABASE_URL: many processes can share a server.", e);
        }
    }

    private static void WarnOfUnneeded(IConfiguration configuration)
    {
        foreach (var (name, key) in new[] { ("CELERY_BROKER_URL", "Unneeded:CeleryBrokerUrl"), ("CELERY_RESULT_BACKEND", "Unneeded:CeleryResultBackend") })
        {
            if (configuration[key] is { Length: > 0 })
                Console.Error.WriteLine($"{name} is ignored: Caraway keeps its queue in PostgreSQL and needs no broker.");
        }
    }

    private static void Announce(WebApplication app, Workspace workspace, FirstStart.Credentials? first)
    {
        var url = app.Urls.First().Replace("127.0.0.1", "localhost", StringComparison.Ordinal);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            Caraway {Platform.Http.Health.Version} is ready on {url} after {Run.Clock.Elapsed.TotalSeconds:0.0} s.
              API page   {url}/docs
              Database   {(workspace.IsEmbedded ? "embedded PostgreSQL in " + workspace.PrivateFolder.DataFolder : "PostgreSQL server of DATABASE_URL or DB_HOST")}
              API key    {(workspace.Configuration["ApiKey:Key"] is { Length: > 0 } ? "the one of API_KEY" : "for cases, in .caraway/" + ApiKeyFile)}   (header X-API-Key)
            """));
        if (first is not null)
        {
            Console.WriteLine($"""
                  Made for you at this first start, shown once and kept nowhere:
                    Administrator   {first.Email}   password {first.Password}
                    API key         {first.ApiKey}   (for everything)
                """);
        }

        Console.WriteLine("Stop with Ctrl-C.");
    }
}
