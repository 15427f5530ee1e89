using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Npgsql;

[assembly: AssemblyFixture(typeof(Caraway.Tests.Infrastructure.PostgresServer))]

namespace Caraway.Tests.Infrastructure;

/// <summary>
/// One PostgreSQL for the run: the server of <c>TEST_DATABASE_URL</c>, else an embedded cluster in a temporary folder. It holds one
/// migrated template.
/// </summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private readonly string template = "caraway_template_" + Environment.ProcessId;
    private DirectoryInfo? folder;
    private EmbeddedPostgres? embedded;
    private NpgsqlConnectionStringBuilder address = new();
    private int databases;

    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("TEST_DATABASE_URL") is { Length: > 0 } url)
        {
            address = new DatabaseOptions { Url = url }.Server()!;
        }
        else
        {
            folder = TemporaryFolder.Create();
            embedded = await EmbeddedPostgres.Start(
                new PrivateFolder(folder.FullName), Environment.GetEnvironmentVariable("CARAWAY_POSTGRES_BIN"), durable: false,
                CancellationToken.None);
            address = embedded.Address;
        }

        await Maintain($"create database {template}");
        await using var source = NpgsqlDataSource.Create(AddressOf(template));
        await new Migrator(source, Migrator.Embedded).Up(TimeProvider.System.GetUtcNow(), CancellationToken.None);
        NpgsqlConnection.ClearAllPools();
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        await Maintain($"drop database if exists {template} with (force)");
        if (embedded is not null)
            await embedded.DisposeAsync();
        folder?.Delete(recursive: true);
    }

    /// <summary>A database of its own, with every migration applied.</summary>
    public Task<TestDatabase> Create() => Create($"template {template}");

    /// <summary>A database of its own with nothing in it.</summary>
    public Task<TestDatabase> CreateEmpty() => Create("");

    internal async Task Maintain(string sql)
    {
        await using var connection = new NpgsqlConnection(AddressOf("postgres"));
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<TestDatabase> Create(string from)
    {
        var name = $"caraway_test_{Environment.ProcessId}_{Interlocked.Increment(ref databases)}";
        await Maintain($"create database {name} {from}");
        return new TestDatabase(this, name, AddressOf(name));
    }

    private string AddressOf(string database) =>
        new NpgsqlConnectionStringBuilder(address.ConnectionString)
        {
            Database = database,
            Pooling = database != "postgres",
            MaxPoolSize = 30,
        }.ConnectionString;
}

/// <summary>One database of a test class; gone when disposed.</summary>
public sealed class TestDatabase(PostgresServer server, string name, string address) : IAsyncDisposable
{
    /// <summary>Its address in Npgsql's keywords.</summary>
    public string Address { get; } = address;

    internal NpgsqlDataSource Source { get; } = NpgsqlDataSource.Create(address);

    public async Task<T?> Scalar<T>(string sql, params (string Name, object Value)[] values)
    {
        await using var command = Source.CreateCommand(sql);
        foreach (var (parameter, value) in values)
            command.Parameters.AddWithValue(parameter, value);
        return await command.ExecuteScalarAsync() is T result ? result : default;
    }

    public async Task Execute(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        await server.Maintain($"drop database if exists {name} with (force)");
    }
}

/// <summary>Folders that the database's user may enter, whatever the umask.</summary>
internal static class TemporaryFolder
{
    public static DirectoryInfo Create()
    {
        var folder = Directory.CreateTempSubdirectory("caraway-test-");
        folder.UnixFileMode |= UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        return folder;
    }
}
