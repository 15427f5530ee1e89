using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Npgsql;

namespace Caraway.Commands;

/// <summary>What a command requires of the database's schema before it begins.</summary>
internal enum Schema
{
    /// <summary>The command looks at the schema itself.</summary>
    Any,

    /// <summary>The schema must fit this program.</summary>
    Fits,

    /// <summary>Development applies missing migrations. Elsewhere an operator does that, and the schema must fit.</summary>
    Migrated,
}

/// <summary>
/// What a command works with: the settings, the private folder and the database. Without the address of a server, the embedded database is
/// started for the time of the command.
/// </summary>
internal sealed class Workspace : IAsyncDisposable
{
    private readonly EmbeddedPostgres? embedded;

    private Workspace(IConfiguration configuration, PrivateFolder folder, NpgsqlDataSource source, EmbeddedPostgres? embedded)
    {
        Configuration = configuration;
        Folder = folder;
        Source = source;
        Database = new Database(source);
        this.embedded = embedded;
    }

    public IConfiguration Configuration { get; }

    public PrivateFolder Folder { get; }

    /// <summary>Keeps an embedded database running until it is cancelled. A database of its own is not ours to start.</summary>
    public Task WatchDatabase(Action<string> say, CancellationToken stopping) =>
        embedded?.Watch(say, TimeProvider.System, stopping) ?? Task.CompletedTask;

    public NpgsqlDataSource Source { get; }

    public Database Database { get; }

    public bool IsEmbedded => embedded is not null;

    public string EnvironmentName => Settings.EnvironmentName(Configuration);

    public bool IsDevelopment => EnvironmentName == Environments.Development;

    public static DateTime Now => TimeProvider.System.GetUtcNow().UtcDateTime;

    /// <summary>Opens the database for a command, runs it, and closes the database.</summary>
    /// <param name="work">Returns the exit code.</param>
    public static async Task<int> Use(Schema schema, Func<Workspace, Task<int>> work, CancellationToken cancel)
    {
        await using var workspace = await Open(CommandSettings.Load(), PrivateFolder.Find(), cancel);
        await workspace.Prepare(schema, cancel);
        return await work(workspace);
    }

    public static async Task<Workspace> Open(IConfiguration configuration, PrivateFolder folder, CancellationToken cancel)
    {
        var options = OptionsReader.Read<DatabaseOptions>(configuration, "Database");
        if (options.Server() is { } server)
            return new Workspace(configuration, folder, DatabaseOptions.Connect(server), null);
        if (options.NamesFile)
            await Console.Error.WriteLineAsync($"DB_NAME has no effect: {DatabaseOptions.NoFileDatabase} It is in {folder.DataFolder}.");
        var embedded = await EmbeddedPostgres.Start(folder, options.PostgresBin, durable: true, cancel);
        return new Workspace(configuration, folder, DatabaseOptions.Connect(options.Common(embedded.Address)), embedded);
    }

    public async Task Prepare(Schema schema, CancellationToken cancel)
    {
        var migrator = new Migrator(Source, Migrator.Embedded);
        if (schema == Schema.Migrated && IsDevelopment)
            await migrator.Up(TimeProvider.System.GetUtcNow(), cancel);
        else if (schema != Schema.Any)
            await migrator.Check(cancel);
    }

    public MasterKey ReadMasterKey() => MasterKey.Read(Configuration["MasterKey"], Folder);

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        await Source.DisposeAsync();
        if (embedded is not null)
            await embedded.DisposeAsync();
    }
}
