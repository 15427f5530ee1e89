using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Npgsql;

namespace Caraway.Bench;

/// <summary>A durable embedded cluster in a temporary folder, with the schema and the data of the bench.</summary>
internal sealed class BenchDatabase : IAsyncDisposable
{
    private readonly DirectoryInfo folder;
    private readonly EmbeddedPostgres cluster;

    private BenchDatabase(DirectoryInfo folder, EmbeddedPostgres cluster)
    {
        (this.folder, this.cluster) = (folder, cluster);
        Address = new DatabaseOptions().Common(new NpgsqlConnectionStringBuilder(cluster.Address.ConnectionString)).ConnectionString;
        Source = NpgsqlDataSource.Create(Address);
    }

    public NpgsqlDataSource Source { get; }

    /// <summary>The address in Npgsql's keywords, with the settings of the product.</summary>
    public string Address { get; }

    /// <param name="setting">A setting of the cluster, as <c>alter system set</c> takes it.</param>
    public static async Task<BenchDatabase> Create(CancellationToken cancel, string? setting = null)
    {
        var folder = Directory.CreateTempSubdirectory("caraway-bench-");
        folder.UnixFileMode |= UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        var programs = Environment.GetEnvironmentVariable("CARAWAY_POSTGRES_BIN");
        Task<EmbeddedPostgres> Start() => EmbeddedPostgres.Start(new PrivateFolder(folder.FullName), programs, durable: true, cancel);
        var cluster = await Start();
        if (setting is not null)
        {
            await using (var connection = new NpgsqlConnection(cluster.Address.ConnectionString + ";Pooling=false"))
            {
                await connection.OpenAsync(cancel);
                await using var command = new NpgsqlCommand("alter system set " + setting, connection);
                await command.ExecuteNonQueryAsync(cancel);
            }

            await cluster.DisposeAsync();
            cluster = await Start();
        }

        var database = new BenchDatabase(folder, cluster);
        await new Migrator(database.Source, Migrator.Embedded).Up(TimeProvider.System.GetUtcNow(), cancel);
        return database;
    }

    /// <summary>Adds this many cases in IN_REVIEW, each with two transitions and two notes.</summary>
    public Task Fill(int cases, CancellationToken cancel) => Execute(
        $"""
        insert into advocacy.applicants (full_name, email, phone, created_at)
        select 'Applicant ' || n, 'applicant' || n || '@example.org', '+45 12 34 56 78', now() from generate_series(1, {cases}) n;
        insert into advocacy.cases (applicant_id, narrative, current_status, created_at, updated_at)
        select n, repeat('The plan denied the treatment. ', 10), 'IN_REVIEW', now(), now() from generate_series(1, {cases}) n;
        insert into advocacy.status_events (case_id, from_status, to_status, actor, reason, created_at)
        select n, nullif(f, ''), t, 'system', 'filled', now()
        from generate_series(1, {cases}) n, (values ('', 'NEW'), ('NEW', 'IN_REVIEW')) m (f, t);
        insert into advocacy.notes (case_id, author, body, created_at)
        select n, 'Ada', repeat('Called the plan. ', 6), now() from generate_series(1, {cases}) n, generate_series(1, 2);
        """,
        cancel);

    /// <summary>Does at once what autovacuum and the checkpointer would do later.</summary>
    public async Task Settle(CancellationToken cancel)
    {
        await Execute("vacuum (analyze)", cancel);
        await Execute("checkpoint", cancel);
    }

    /// <summary>
    /// Waits until every event has its position and was handled, and merges the indexes of the access log. Without this, a measurement
    /// would include work that an earlier one caused.
    /// </summary>
    public async Task CatchUp(CancellationToken cancel)
    {
        const string sql = """
            select (select position from platform.event_cursors where handler = 'patient-timelines')
                    = (select position from platform.sequencer)
                and not exists (select from platform.events e where not exists (select from platform.chain c where c.event_id = e.id))
            """;
        foreach (var index in new[] { "access_batches_ids", "access_batches_patients" })
            await Execute($"select gin_clean_pending_list('platform.{index}')", cancel);
        for (var tries = 0; tries < 300; tries++)
        {
            await using var command = Source.CreateCommand(sql);
            if (await command.ExecuteScalarAsync(cancel) is true)
                return;
            await Task.Delay(200, cancel);
        }

        throw new InvalidOperationException("Events have waited for a minute; the product does not handle them.");
    }

    public async Task Execute(string sql, CancellationToken cancel)
    {
        await using var command = Source.CreateCommand(sql);
        command.CommandTimeout = 600;
        await command.ExecuteNonQueryAsync(cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        await cluster.DisposeAsync();
        folder.Delete(recursive: true);
    }
}
