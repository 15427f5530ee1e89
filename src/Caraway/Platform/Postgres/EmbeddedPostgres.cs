using Caraway.Platform.Hosting;
using Npgsql;

namespace Caraway.Platform.Postgres;

/// <summary>
/// A private PostgreSQL cluster in <see cref="PrivateFolder.DataFolder"/>, with a unix socket that only its user and root can open. The
/// first process that needs it starts it, and the last one stops it. The next process uses a cluster that a kill left running.
/// </summary>
/// <remarks>
/// Two lock files next to the data order these processes: a process holds <c>pg.lock</c> exclusively while it starts or stops the cluster,
/// and <c>pg.users</c> shared while it uses the cluster. The kernel releases both when a process ends. PostgreSQL refuses to run as root.
/// The cluster of root therefore belongs to another user, who is trusted with the data only (ADR 0003).
/// </remarks>
internal sealed class EmbeddedPostgres : IAsyncDisposable
{
    private const string DatabaseName = "caraway";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(1);

    private readonly PostgresPlace place;
    private readonly PostgresPrograms programs;
    private readonly FileStream use;
    private readonly bool durable;

    private EmbeddedPostgres(PostgresPlace place, PostgresPrograms programs, FileStream use, bool durable)
    {
        this.durable = durable;
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

    /// <summary>The address of the cluster, without pool settings.</summary>
    public NpgsqlConnectionStringBuilder Address { get; }

    /// <summary>Uses the cluster of the folder. Makes it when it does not exist, and starts it when it does not run.</summary>
    /// <param name="postgresBin"><c>CARAWAY_POSTGRES_BIN</c>.</param>
    /// <param name="durable">False does not wait for the disk. Only tests may do that.</param>
    public static async Task<EmbeddedPostgres> Start(PrivateFolder folder, string? postgresBin, bool durable, CancellationToken cancel)
    {
        var place = await PostgresPlace.Find(folder);
        using var alone = await FileLock.Wait(place.StartLock, FileShare.None, cancel);
        var use = await FileLock.Wait(place.UseLock, FileShare.Read, cancel);
        EmbeddedPostgres? cluster = null;
        try
        {
            var found = await PostgresPrograms.Find(postgresBin, place.ReadVersion(), place.DataFolder, cancel);
            cluster = new EmbeddedPostgres(place, await place.OsUser.Reachable(found), use, durable);
            await cluster.Run(cancel);
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

    /// <summary>Starts the cluster again when it ends before its users do, such as by a kill. Returns when it is cancelled.</summary>
    /// <param name="say">Gets a sentence for the log.</param>
    public Task Watch(Action<string> say, TimeProvider time, CancellationToken stopping) => Repeatedly.Do(
        async cancel =>
        {
            if (place.IsAlive())
                return BetweenLooks;
            using var alone = await FileLock.Wait(place.StartLock, FileShare.None, cancel);
            if (!place.IsAlive())
            {
                await Run(cancel);
                say("The embedded database had ended. It was started again.");
            }

            return BetweenLooks;
        },
        e =>
        {
            say($"The embedded database has ended. {e.Message}");
            // The processes of a killed cluster end a moment later, and a start fails until then.
            return BetweenLooks;
        },
        time,
        stopping);

    /// <summary>Stops the cluster when no other process uses it.</summary>
    public async ValueTask DisposeAsync()
    {
        using var alone = await FileLock.Wait(place.StartLock, FileShare.None, CancellationToken.None);
        await use.DisposeAsync();
        await StopIfLast();
    }

    private async Task Run(CancellationToken cancel)
    {
        if (place.ReadVersion() is null)
            await Create();
        await place.PrepareSocketFolder();
        if (!await Answers(cancel))
            await Launch();
        await CreateDatabase(cancel);
    }

    /// <summary>Makes the cluster under another name and moves it, so that a kill never leaves a part of it.</summary>
    private async Task Create()
    {
        if (Directory.Exists(place.DataFolder) && Directory.EnumerateFileSystemEntries(place.DataFolder).Any())
        {
            throw new CommandException(
                ExitCode.Database,
                $"{place.DataFolder} is not empty, but is not a data folder of PostgreSQL (it lacks PG_VERSION). Move it away.");
        }

        var draft = place.DataFolder + ".new";
        if (Directory.Exists(draft))
            Directory.Delete(draft, recursive: true);
        Directory.CreateDirectory(draft, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await place.OsUser.Own(draft);
        await place.OsUser.Must(
            programs.Initdb,
            ["--pgdata", draft, "--username", "caraway", "--encoding", "UTF8", "--locale", "C.UTF-8", "--auth", "peer", "--data-checksums"],
            "The embedded database could not be made.");
        if (Directory.Exists(place.DataFolder))
            Directory.Delete(place.DataFolder);
        Directory.Move(draft, place.DataFolder);
    }

    /// <summary>Whether the cluster runs. Waits for one that is starting, recovering or stopping.</summary>
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
                throw new CommandException(
                    ExitCode.Database, $"The embedded database runs, but refuses the connection: {e.MessageText}", e);
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

    private async Task Launch()
    {
        const string note = "# Written by Caraway at each start.\n";
        var users = new[] { Environment.UserName, place.OsUser.Name }.Distinct(StringComparer.Ordinal);
        var identities = string.Concat(users.Select(user => $"caraway \"{user}\" caraway\n"));
        await place.OsUser.Write(Path.Combine(place.DataFolder, "postgresql.conf"), Configuration());
        await place.OsUser.Write(Path.Combine(place.DataFolder, "pg_hba.conf"), note + "local all all peer map=caraway\n");
        await place.OsUser.Write(Path.Combine(place.DataFolder, "pg_ident.conf"), note + identities);
        var log = Path.Combine(place.DataFolder, "server.log");
        var run = await Control("start", "--log", log);
        if (run.ExitCode == 0)
            return;
        string[] lines = [$"The embedded database did not start. {run.Error.Trim()}", $"The end of its log ({log}):", Tail(log)];
        throw new CommandException(ExitCode.Database, string.Join(Environment.NewLine, lines));
    }

    private Task<ChildProcess.Result> Control(string action, params string[] options) =>
        place.OsUser.Run(programs.PgCtl, [action, "--pgdata", place.DataFolder, "--wait", "--timeout", "60", "--silent", .. options]);

    private string Configuration() => $"""
        # Written by Caraway at each start. Change settings with: alter system set … (postgresql.auto.conf wins over this file).
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

    private string Maintenance()
    {
        var address = new NpgsqlConnectionStringBuilder(Address.ConnectionString) { Database = "postgres", Pooling = false, Timeout = 5 };
        return address.ConnectionString;
    }

    /// <summary>The caller holds <c>pg.lock</c> and has released its own use.</summary>
    private async Task StopIfLast()
    {
        try
        {
            using var last = FileLock.Take(place.UseLock, FileShare.None);
            // pg_ctl stops the process that postmaster.pid names. In a copied folder that is the process of the original.
            if (!place.IsAlive())
                return;
            var run = await Control("stop", "--mode", "fast");
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
