using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Caraway.Platform.Postgres;

/// <summary>
/// A private PostgreSQL cluster in <see cref="Home.DataFolder"/>, reached through a unix socket that nobody else may open. It is started by
/// the first process that needs it and stopped by the last; one left behind by a kill is taken over.
/// </summary>
/// <remarks>
/// Two lock files order the processes of one folder: <c>pg.lock</c> is held alone while a cluster is started or stopped, <c>pg.users</c> is
/// held shared for as long as a process uses it. The kernel releases both when a process dies. PostgreSQL refuses to run as root, so a
/// root's cluster belongs to the user <c>postgres</c>, else <c>nobody</c> (ADR 0003).
/// </remarks>
internal sealed class EmbeddedPostgres : IAsyncDisposable
{
    private const string DatabaseName = "caraway";

    // sun_path holds 108 bytes, the last of them zero; PostgreSQL adds "/.s.PGSQL.5432.lock".
    private const int LongestSocketFolder = 107 - 19;

    private readonly Home home;
    private readonly PostgresPrograms programs;
    private readonly Account account;
    private readonly string dataFolder;
    private readonly FileStream use;

    private EmbeddedPostgres(Home home, PostgresPrograms programs, Account account, string dataFolder, string socketFolder, FileStream use)
    {
        this.home = home;
        this.programs = programs;
        this.account = account;
        this.dataFolder = dataFolder;
        this.use = use;
        Address = new NpgsqlConnectionStringBuilder
        {
            Host = socketFolder,
            Port = 5432,
            Database = DatabaseName,
            Username = "caraway",
            SslMode = SslMode.Disable,
            GssEncryptionMode = GssEncryptionMode.Disable,
        };
    }

    /// <summary>Where the cluster listens; without pool settings.</summary>
    public NpgsqlConnectionStringBuilder Address { get; }

    public int MajorVersion => programs.MajorVersion;

    /// <summary>Uses the folder's cluster: makes it when there is none, starts it when it does not run.</summary>
    /// <param name="postgresBin"><c>CARAWAY_POSTGRES_BIN</c>.</param>
    /// <param name="durable">False turns the waiting for the disk off; only tests may.</param>
    public static async Task<EmbeddedPostgres> Start(Home home, string? postgresBin, bool durable, CancellationToken cancel)
    {
        home.Create();
        using var alone = await KernelLock.Wait(home.FileIn("pg.lock"), FileShare.None, cancel);
        var use = await KernelLock.Wait(home.FileIn("pg.users"), FileShare.Read, cancel);
        try
        {
            return await StartLocked(home, postgresBin, durable, use, cancel);
        }
        catch
        {
            await use.DisposeAsync();
            throw;
        }
    }

    /// <summary>Stops the cluster when nobody else uses it.</summary>
    public async ValueTask DisposeAsync()
    {
        using var alone = await KernelLock.Wait(home.FileIn("pg.lock"), FileShare.None, CancellationToken.None);
        await use.DisposeAsync();
        try
        {
            using var last = KernelLock.Take(home.FileIn("pg.users"), FileShare.None);
            await Stop();
        }
        catch (IOException)
        {
            // Another process uses the cluster, and will stop it.
        }
    }

    private static async Task<EmbeddedPostgres> StartLocked(Home home, string? bin, bool durable, FileStream use, CancellationToken cancel)
    {
        var account = await Account.Choose(cancel);
        var dataFolder = await Place(home, account, cancel);
        var version = ReadVersion(dataFolder);
        var programs = await account.Reachable(await PostgresPrograms.Find(home, bin, version, cancel), cancel);
        if (version is null)
            await Create(programs, account, dataFolder, cancel);

        var socketFolder = RunningSocketFolder(dataFolder) ?? await SocketFolder(account, dataFolder, cancel);
        var cluster = new EmbeddedPostgres(home, programs, account, dataFolder, socketFolder, use);
        if (!await cluster.Answers(cancel))
            await cluster.Launch(durable, cancel);
        await cluster.CreateDatabase(cancel);
        return cluster;
    }

    /// <summary>The data folder itself, after links; under <c>/var/lib/caraway</c> where the other user cannot reach the checkout.</summary>
    private static async Task<string> Place(Home home, Account account, CancellationToken cancel)
    {
        var link = new DirectoryInfo(home.DataFolder);
        if (link.LinkTarget is not null)
            return link.ResolveLinkTarget(returnFinalTarget: true)!.FullName;
        if (link.Exists || await account.CanEnter(home.State, cancel))
            return home.DataFolder;

        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(home.Root)))[..16];
        var elsewhere = Path.Combine(Account.CommonFolder, name, "pg");
        Directory.CreateDirectory(Path.GetDirectoryName(elsewhere)!);
        File.CreateSymbolicLink(home.DataFolder, elsewhere);
        return elsewhere;
    }

    private static int? ReadVersion(string dataFolder)
    {
        var file = Path.Combine(dataFolder, "PG_VERSION");
        if (!File.Exists(file))
            return null;
        return int.TryParse(File.ReadAllText(file).Trim(), CultureInfo.InvariantCulture, out var version)
            ? version
            : throw new CommandException(ExitCode.Database, $"{file} names no version of PostgreSQL that Caraway can use.");
    }

    /// <summary>Makes the cluster beside its place and moves it there whole, so that a kill leaves none or all of it.</summary>
    private static async Task Create(PostgresPrograms programs, Account account, string dataFolder, CancellationToken cancel)
    {
        if (Directory.Exists(dataFolder) && Directory.EnumerateFileSystemEntries(dataFolder).Any())
            throw new CommandException(ExitCode.Database, $"{dataFolder} is not empty and is no data folder of PostgreSQL (it has no PG_VERSION). Move it away.");
        var draft = dataFolder + ".new";
        if (Directory.Exists(draft))
            Directory.Delete(draft, recursive: true);
        Directory.CreateDirectory(draft, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await account.Own(draft, cancel);
        await account.Must(
            programs.Initdb,
            ["--pgdata", draft, "--username", "caraway", "--encoding", "UTF8", "--locale", "C.UTF-8", "--auth", "peer", "--data-checksums"],
            "Making the embedded database failed.",
            cancel);
        if (Directory.Exists(dataFolder))
            Directory.Delete(dataFolder);
        Directory.Move(draft, dataFolder);
    }

    /// <summary>The socket's folder of a cluster that runs or ran last: line 5 of <c>postmaster.pid</c>.</summary>
    private static string? RunningSocketFolder(string dataFolder)
    {
        var file = Path.Combine(dataFolder, "postmaster.pid");
        return File.Exists(file) && File.ReadAllLines(file) is { Length: >= 5 } lines && Directory.Exists(lines[4]) ? lines[4] : null;
    }

    /// <summary>The data folder itself, which only its owner may enter; a private folder under /tmp where that path is too long for a socket.</summary>
    private static async Task<string> SocketFolder(Account account, string dataFolder, CancellationToken cancel)
    {
        if (Encoding.UTF8.GetByteCount(dataFolder) <= LongestSocketFolder)
            return dataFolder;
        var folder = Directory.CreateTempSubdirectory("caraway-").FullName;
        if (Encoding.UTF8.GetByteCount(folder) > LongestSocketFolder)
            throw new CommandException(ExitCode.Database, $"The path {folder} is too long for a unix socket. Set TMPDIR to a shorter one.");
        await account.Own(folder, cancel);
        return folder;
    }

    private async Task<bool> Answers(CancellationToken cancel)
    {
        if (!File.Exists(Path.Combine(dataFolder, "postmaster.pid")))
            return false;
        try
        {
            await using var connection = new NpgsqlConnection(Maintenance());
            await connection.OpenAsync(cancel);
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    private async Task Launch(bool durable, CancellationToken cancel)
    {
        var socketFolder = Address.Host!;
        await WriteOwned("postgresql.conf", Configuration(socketFolder, durable), cancel);
        await WriteOwned("pg_hba.conf", "# Written by Caraway at each start.\nlocal all all peer map=caraway\n", cancel);
        await WriteOwned("pg_ident.conf", $"# Written by Caraway at each start.\ncaraway {Environment.UserName} caraway\ncaraway {account.Name} caraway\n", cancel);
        var log = Path.Combine(dataFolder, "server.log");
        var run = await account.Run(
            programs.PgCtl,
            ["start", "--pgdata", dataFolder, "--log", log, "--wait", "--timeout", "60", "--silent"],
            cancel);
        if (run.ExitCode != 0)
            throw new CommandException(ExitCode.Database, $"The embedded database did not start. The end of its log ({log}):{Environment.NewLine}{Tail(log)}");
    }

    private static string Configuration(string socketFolder, bool durable) => $"""
        # Written by Caraway at each start. Settings of your own: alter system set … (they live in postgresql.auto.conf and win).
        listen_addresses = ''
        unix_socket_directories = '{socketFolder.Replace("'", "''", StringComparison.Ordinal)}'
        unix_socket_permissions = 0700
        port = 5432
        max_connections = 120
        shared_buffers = 256MB
        work_mem = 16MB
        maintenance_work_mem = 128MB
        wal_compression = on
        max_wal_size = 2GB
        checkpoint_timeout = 15min
        random_page_cost = 1.1
        idle_in_transaction_session_timeout = 5min
        timezone = 'UTC'
        log_timezone = 'UTC'
        log_line_prefix = '%m [%p] '
        fsync = {(durable ? "on" : "off")}
        synchronous_commit = {(durable ? "on" : "off")}
        full_page_writes = {(durable ? "on" : "off")}

        """;

    /// <summary>Written beside its place and moved, and given to the cluster's user: a kill leaves the old file or the new.</summary>
    private async Task WriteOwned(string name, string text, CancellationToken cancel)
    {
        var path = Path.Combine(dataFolder, name);
        await File.WriteAllTextAsync(path + ".new", text, cancel);
        File.SetUnixFileMode(path + ".new", UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await account.Own(path + ".new", cancel);
        File.Move(path + ".new", path, overwrite: true);
    }

    private async Task CreateDatabase(CancellationToken cancel)
    {
        await using var connection = new NpgsqlConnection(Maintenance());
        await connection.OpenAsync(cancel);
        await using var exists = new NpgsqlCommand($"select 1 from pg_database where datname = '{DatabaseName}'", connection);
        if (await exists.ExecuteScalarAsync(cancel) is not null)
            return;
        await using var create = new NpgsqlCommand($"create database {DatabaseName}", connection);
        await create.ExecuteNonQueryAsync(cancel);
    }

    private string Maintenance() =>
        new NpgsqlConnectionStringBuilder(Address.ConnectionString) { Database = "postgres", Pooling = false, Timeout = 5 }.ConnectionString;

    private async Task Stop()
    {
        var run = await account.Run(programs.PgCtl, ["stop", "--pgdata", dataFolder, "--mode", "fast", "--wait", "--timeout", "60", "--silent"], CancellationToken.None);
        if (run.ExitCode != 0 && File.Exists(Path.Combine(dataFolder, "postmaster.pid")))
            await Console.Error.WriteLineAsync($"The embedded database did not stop: {run.Error.Trim()}");
        if (Address.Host != dataFolder && Directory.Exists(Address.Host))
            Directory.Delete(Address.Host, recursive: true);
    }

    private static string Tail(string log) =>
        File.Exists(log) ? string.Join(Environment.NewLine, File.ReadLines(log).TakeLast(8)) : "(there is no log)";
}
