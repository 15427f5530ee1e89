using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Npgsql;

namespace Caraway.Commands;

/// <summary>What every command stands on: the settings, the private folder, and the database, the embedded one started when none is named.</summary>
internal sealed class Workspace : IAsyncDisposable
{
    private readonly EmbeddedPostgres? embedded;

    private Workspace(IConfiguration configuration, PrivateFolder home, NpgsqlDataSource source, EmbeddedPostgres? embedded)
    {
        Configuration = configuration;
        PrivateFolder = home;
        Source = source;
        this.embedded = embedded;
    }

    public IConfiguration Configuration { get; }

    public PrivateFolder PrivateFolder { get; }

    public NpgsqlDataSource Source { get; }

    public bool IsEmbedded => embedded is not null;

    public string EnvironmentName => Settings.EnvironmentName(Configuration);

    public bool IsDevelopment => EnvironmentName == Environments.Development;

    public static async Task<Workspace> Open(IConfiguration configuration, PrivateFolder home, CancellationToken cancel)
    {
        var options = Bind<DatabaseOptions>(configuration, "Database");
        if (options.Server() is { } server)
            return new Workspace(configuration, home, DatabaseOptions.Connect(server), null);
        var embedded = await EmbeddedPostgres.Start(home, options.PostgresBin, durable: true, cancel);
        return new Workspace(configuration, home, DatabaseOptions.Connect(options.Common(embedded.Address)), embedded);
    }

    /// <summary>Reads a section into its options, checked.</summary>
    /// <exception cref="CommandException">A value has the wrong type or is out of bounds.</exception>
    public static T Bind<T>(IConfiguration configuration, string section)
        where T : new()
    {
        var options = new T();
        try
        {
            configuration.GetSection(section).Bind(options);
        }
        catch (InvalidOperationException e)
        {
            throw new CommandException(ExitCode.BadInput, $"A setting has the wrong type: {e.Message}", e);
        }

        var wrong = new List<System.ComponentModel.DataAnnotations.ValidationResult>();
        if (!System.ComponentModel.DataAnnotations.Validator.TryValidateObject(options, new(options), wrong, validateAllProperties: true))
            throw new CommandException(ExitCode.BadInput, string.Join(Environment.NewLine, wrong.Select(w => $"Setting {section}: {w.ErrorMessage}")));
        return options;
    }

    /// <summary>Development brings the schema up to date; elsewhere an operator does, and a misfit stops the program.</summary>
    public async Task PrepareSchema(CancellationToken cancel)
    {
        var migrator = new Migrator(Source, Migrator.Embedded);
        if (IsDevelopment)
            await migrator.Up(TimeProvider.System.GetUtcNow(), cancel);
        else
            await migrator.Check(cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        if (embedded is not null)
            await embedded.DisposeAsync();
    }
}
