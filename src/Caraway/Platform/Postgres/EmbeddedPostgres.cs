using Caraway.Platform.Hosting;
using Npgsql;

namespace Caraway.Platform.Postgres;

/// <summary>
/// A private PostgreSQL cluster in <see cref="PrivateFolder.DataFolder"/>, reached through a unix socket that nobody else may open. It is started by
/// the first process that needs it and stopped by the last; one left behind by a kill is taken over.
/// </summary>
/// <remarks>
/// Two lock files beside the data order the processes that use it: <c>pg.lock</c> is held alone while the cluster is started or stopped,
/// <c>pg.users</c> is held shared for as long as a process uses it. The kernel releases both when a process dies. PostgreSQL refuses to run
/// as root, so a root's cluster belongs to another user, who is not trusted with anything but the data (ADR 0003).
/// </remarks>
internal sealed class EmbeddedPostgres : IAsyncDisposable
{
    private const string DatabaseName = "caraway";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly PostgresPlace place;
    private readonly PostgresPrograms programs;
    private readonly FileStream use;

    private EmbeddedPostgres(PostgresPlace place, PostgresPrograms programs, FileStream use)
    {
        this.place = place;
        this.programs = programs;
        this.use = use;
        Address = new NpgsqlConnectionStringBuilder
        {
            Host = place.SocketFolder,
            Port = 5432,
            Database = DatabaseName,
            Username = "caraway",
            SslMode = SslMode.Disable,
            GssEncryptionMode = GssEncryptionMode.Disable,
        };
    }

    /// <summary>Where the cluster listens; without pool settings.</summary>
    public NpgsqlConnectionStringBuilder Address { get; }

    /// <summary>Uses the folder's cluster: makes it when there is none, starts it when it does not run.</summary>
    /// <param name="postgresBin"><c>CARAWAY_POSTGRES_BIN</c>.</param>
    /// <param name="durable">False turns the waiting for the disk off; only tests may.</param>
    public static async Task<EmbeddedPostgres> Start(PrivateFolder folder, string? postgresBin, bool durable, CancellationToken cancel)
    {
        var place = await PostgresPlace.Find(folder);
        using var alone = await FileLock.Wait(place.StartLock, FileShare.None, cancel);
        var use = await FileLock.Wait(place.UseLock, FileShare.Read, cancel);
        EmbeddedPostgres? cluster = null;
        try
        {
            var found = await PostgresPrograms.Find(postgresBin, place.ReadVersion(), place.DataFolder, cancel);
            cluster = new EmbeddedPostgres(place, await place.OsUser.Reachable(found), use);
            await cluster.Run(durable, cancel);
            return cluster;
        }
        catch
        {
            await use.DisposeAsync();
            if (cluster is not null)
                await cluster.StopIfLast();
            throw;
        }
    }

    /// <summary>Stops the cluster when nobody else uses it.</summary>
    public async ValueTask DisposeAsync()
    {
        using var alone = await FileLock.Wait(place.StartLock, FileShare.None, CancellationToken.None);
        await use.DisposeAsync();
        await StopIfLast();
    }

    private async Task Run(bool durable, CancellationToken cancel)
    {
        if (place.ReadVersion() is null)
            await Create();
        await place.PrepareSocketFolder();
        if (!await Answers(cancel))
            await Launch(durable);
        await CreateDatabase(cancel);
    }

    /// <summary>Makes the cluster beside its place and moves it there whole, so that a kill leaves none or all of it.</summary>
    private async Task Create()
    {
        if (Directory.Exists(place.DataFolder) && Directory.EnumerateFileSystemEntries(place.DataFolder).Any())
            throw new CommandException(ExitCode.Database, $"{place.DataFolder} is not empty and is no data folder of PostgreSQL (it has no PG_VERSION). Move it away.");
        var draft = place.DataFolder + ".new";
        if (Directory.Exists(draft))
            Directory.Delete(draft, recursive: true);
        Directory.CreateDirectory(draft, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await place.OsUser.Own(draft);
        await place.OsUser.Must(
            programs.Initdb,
            ["--pgdata", draft, "--username", "caraway", "--encoding", "UTF8", "--locale", "C.UTF-8", "--auth", "peer", "--data-checksums"],
            "Making the embedded database failed.");
        if (Directory.Exists(place.DataFolder))
            Directory.Delete(place.DataFolder);
        Directory.Move(draft, place.DataFolder);
    }

    /// <summary>Whether it runs. One that is starting, recovering or stopping is waited for.</summary>
    private async Task<bool> Answers(CancellationToken cancel)
    {
        for (var waited = TimeSpan.Zero; ; waited += TimeSpan.FromMilliseconds(100))
        {
            try
            {
                await using var connection = new NpgsqlConnection(Maintenance());
                await connection.OpenAsync(cancel);
                return true;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.CannotConnectNow && waited < Patience)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), cancel);
            }
            catch (PostgresException e)
            {
                throw new CommandException(ExitCode.Database, $"The embedded database runs and refuses us: {e.MessageText}", e);
            }
            catch (NpgsqlException) when (place.IsAlive() && waited < Patience)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), cancel);
            }
            catch (NpgsqlException)
            {
                return false;
            }
        }
    }

    private async Task Launch(bool durable)
    {
        var identities = new[] { Environment.UserName, place.OsUser.Name }.Distinct(StringComparer.Ordinal).Select(user => $"caraway \"{user}\" caraway\n");
        await place.OsUser.Write(Path.Combine(place.DataFolder, "postgresql.conf"), Configuration(durable));
        await place.OsUser.Write(Path.Combine(place.DataFolder, "pg_hba.conf"), "# Written by Caraway at each start.\nlocal all all peer map=caraway\n");
        await place.OsUser.Write(Path.Combine(place.DataFolder, "pg_ident.conf"), "# Written by Caraway at each start.\n" + string.Concat(identities));
        var log = Path.Combine(place.DataFolder, "server.log");
        var run = await place.OsUser.Run(programs.PgCtl, "start", "--pgdata", place.DataFolder, "--log", log, "--wait", "--timeout", "60", "--silent");
        if (run.ExitCode != 0)
            throw new CommandException(ExitCode.Database, $"The embedded database did not start. {run.Error.Trim()}{Environment.NewLine}The end of its log ({log}):{Environment.NewLine}{Tail(log)}");
    }

    private string Configuration(bool durable) => $"""
        # Written by Caraway at each start. Settings of your own: alter system set … (they live in postgresql.auto.conf and win).
        listen_addresses = ''
        unix_socket_directories = '{place.SocketFolder.Replace("'", "''", StringComparison.Ordinal)}'
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

    /// <summary>Call it with <c>pg.lock</c> held and our own use given up.</summary>
    private async Task StopIfLast()
    {
        try
        {
            using var last = FileLock.Take(place.UseLock, FileShare.None);
            // pg_ctl stops whatever process the folder's postmaster.pid names, which in a copied folder is the original's.
            if (!place.IsAlive())
                return;
            var run = await place.OsUser.Run(programs.PgCtl, "stop", "--pgdata", place.DataFolder, "--mode", "fast", "--wait", "--timeout", "60", "--silent");
            if (run.ExitCode != 0)
                await Console.Error.WriteLineAsync($"The embedded database did not stop: {run.Error.Trim()}");
        }
        catch (IOException e) when (FileLock.IsHeld(e))
        {
            // Another process uses the cluster, and will stop it.
        }
    }

    private static string Tail(string log) =>
        File.Exists(log) ? string.Join(Environment.NewLine, File.ReadLines(log).TakeLast(8)) : "(there is no log)";
}
