using System.CommandLine;
using System.Globalization;
using System.Net.Sockets;
using Caraway.Identity;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Microsoft.AspNetCore.Connections;

namespace Caraway.Commands;

/// <summary><c>caraway serve</c>: serves until it is told to stop.</summary>
internal static partial class ServeCommand
{
    private const string ApiKeyFile = "api-key";

    public static Command Create()
    {
        var command = new Command(
            "serve", "Serve the API on http://localhost:8000 (PORT). Without DATABASE_URL it starts an embedded PostgreSQL.");
        var role = new Option<string>("--role")
        {
            Description = "api answers requests and leaves jobs and events to other processes. worker does jobs and events, and answers "
                + "only /health and /metrics. all does both.",
            HelpName = "api|worker|all",
            DefaultValueFactory = _ => "all",
        };
        role.AcceptOnlyFromAmong("api", "worker", "all");
        command.Options.Add(role);
        command.SetAction((parsed, cancel) => Run(parsed.GetValue(role)!, cancel));
        return command;
    }

    private static async Task<int> Run(string role, CancellationToken cancel)
    {
        var configuration = CommandSettings.Load();
        if (role == "api")
            configuration["Jobs:Enabled"] = configuration["Events:Enabled"] = "false";
        CommandSettings.Check(configuration);
        var folder = PrivateFolder.Find();
        var server = OptionsReader.Read<ServerOptions>(configuration, "Server");
        var isDevelopment = Settings.EnvironmentName(configuration) == Environments.Development;
        OptionsReader.Read<IdentityOptions>(configuration, "Identity").Check(isDevelopment);
        var apiKey = ReadApiKey(configuration, folder, isDevelopment);
        var isEmbedded = OptionsReader.Read<DatabaseOptions>(configuration, "Database").IsEmbedded;
        if (!isDevelopment && !isEmbedded && string.IsNullOrWhiteSpace(configuration["MasterKey"]))
        {
            throw new CommandException(
                ExitCode.BadInput,
                "No master key is configured. Every process of one database needs the same key: set CARAWAY_MASTER_KEY (make one with: "
                + "openssl rand -hex 32).");
        }

        await using var only = isEmbedded ? TakeFolder(folder, server.Port) : null;
        ListeningPort.RequireFree(server.Port, isDevelopment);
        await using var workspace = await Workspace.Open(configuration, folder, cancel);
        await workspace.Prepare(Schema.Migrated, cancel);
        await using var app = CarawayApplication.Build(new CarawayApplication.Dependencies
        {
            Configuration = configuration,
            EnvironmentName = workspace.EnvironmentName,
            Source = workspace.Source,
            MasterKey = workspace.ReadMasterKey(),
            ApiKey = apiKey,
            AnswersRequests = role != "worker",
        });
        await Start(app, server.Port, cancel);
        var watching = workspace.WatchDatabase(sentence => LogDatabase(app.Logger, sentence), app.Lifetime.ApplicationStopping);
        if (workspace.IsDevelopment)
            await Announce(app, workspace, cancel);
        else
            LogServing(app.Logger, ProgramVersion.Text, app.Urls.First());
        await app.WaitForShutdownAsync(cancel);
        await watching;
        LogStopped(app.Logger);
        return ExitCode.Done;
    }

    private static async Task Start(WebApplication app, int port, CancellationToken cancel)
    {
        try
        {
            await app.StartAsync(cancel);
        }
        catch (IOException e) when (e.InnerException is AddressInUseException or SocketException
            || e.Message.Contains("address already in use", StringComparison.OrdinalIgnoreCase))
        {
            await app.StopAsync(CancellationToken.None);
            throw ListeningPort.Taken(port, e);
        }
    }

    [LoggerMessage(50, LogLevel.Information, "Caraway {Version} serves on {Url}.")]
    private static partial void LogServing(ILogger logger, string version, string url);

    [LoggerMessage(52, LogLevel.Warning, "{Sentence}")]
    private static partial void LogDatabase(ILogger logger, string sentence);

    [LoggerMessage(51, LogLevel.Information, "Caraway has stopped. All requests are finished.")]
    private static partial void LogStopped(ILogger logger);

    /// <summary>The key of the environment. Development makes one in the private folder; elsewhere an operator must choose it.</summary>
    private static string ReadApiKey(IConfiguration configuration, PrivateFolder folder, bool isDevelopment)
    {
        if (configuration["ApiKey:Key"] is { Length: > 0 } key)
        {
            return key.All(c => c is >= '!' and <= '~')
                ? key
                : throw new CommandException(
                    ExitCode.BadInput, "API_KEY must have visible ASCII characters only, because it is sent in a header.");
        }

        return isDevelopment
            ? folder.ReadOrCreateSecret(ApiKeyFile)
            : throw new CommandException(ExitCode.BadInput, "No API key is configured. Set API_KEY (make one with: openssl rand -hex 32).");
    }

    /// <summary>Lets one server use the folder that holds the embedded database.</summary>
    private static FileStream TakeFolder(PrivateFolder folder, int port)
    {
        folder.Create();
        var note = folder.FileIn("serve.pid");
        try
        {
            var file = FileLock.Take(folder.FileIn("serve.lock"), FileShare.None);
            File.WriteAllText(note, string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId}, port {port}"));
            return file;
        }
        catch (IOException e) when (FileLock.IsHeld(e))
        {
            var holder = File.Exists(note) ? File.ReadAllText(note) : "unknown process";
            throw new CommandException(
                ExitCode.Busy,
                $"Caraway is already serving from {folder.State} ({holder}). Stop it first, or set DATABASE_URL: "
                + "many processes can share a server.",
                e);
        }
    }

    /// <summary>
    /// Says where the program serves. A new database gets its first administrator here and not earlier: the start can no longer fail.
    /// </summary>
    private static async Task Announce(WebApplication app, Workspace workspace, CancellationToken cancel)
    {
        var first = await FirstStart.Prepare(workspace, cancel);
        var url = app.Urls.First().Replace("127.0.0.1", "localhost", StringComparison.Ordinal);
        var database = workspace.IsEmbedded
            ? "embedded PostgreSQL in " + workspace.Folder.DataFolder
            : "PostgreSQL server of DATABASE_URL or DB_HOST";
        var key = workspace.Configuration["ApiKey:Key"] is { Length: > 0 }
            ? "the one of API_KEY"
            : "for cases, in " + workspace.Folder.FileIn(ApiKeyFile);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            Caraway {ProgramVersion.Text} is ready on {url} after {CommandLine.Clock.Elapsed.TotalSeconds:0.0} s.
              API page   {url}/docs
              Database   {database}
              API key    {key}   (header X-API-Key)
            """));
        if (first is not null)
        {
            Console.WriteLine($"""
                  Made for you at this first start, shown once and not stored:
                    Administrator   {first.Email}   password {first.Password}
                    API key         {first.ApiKey}   (for everything)
                  A lost password is replaced with: ./caraway admin reset-password {first.Email}
                """);
        }

        Console.WriteLine("Stop with Ctrl-C.");
    }
}
