using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Npgsql;

namespace Caraway.Bench;

/// <summary>A durable embedded cluster in a temporary folder, migrated and filled.</summary>
internal sealed class BenchDatabase : IAsyncDisposable
{
    private readonly DirectoryInfo folder;
    private readonly EmbeddedPostgres cluster;

    private BenchDatabase(DirectoryInfo folder, EmbeddedPostgres cluster, NpgsqlDataSource source) => (this.folder, this.cluster, Source) = (folder, cluster, source);

    public NpgsqlDataSource Source { get; }

    /// <summary>The address in Npgsql's keywords, as the product itself uses it.</summary>
    public string Address => new DatabaseOptions().Common(new NpgsqlConnectionStringBuilder(cluster.Address.ConnectionString)).ConnectionString;

    /// <param name="setting">A setting of the cluster, as <c>alter system set</c> takes it.</param>
    public static async Task<BenchDatabase> Create(CancellationToken cancel, string? setting = null)
    {
        var folder = Directory.CreateTempSubdirectory("caraway-bench-");
        folder.UnixFileMode |= UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        Task<EmbeddedPostgres> Start() =>
            EmbeddedPostgres.Start(new PrivateFolder(folder.FullName), Environment.GetEnvironmentVariable("CARAWAY_POSTGRES_BIN"), durable: true, cancel);
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

        var database = new BenchDatabase(folder, cluster, NpgsqlDataSource.Create(new DatabaseOptions().Common(new NpgsqlConnectionStringBuilder(cluster.Address.ConnectionString))));
        await new Migrator(database.Source, Migrator.Embedded).Up(TimeProvider.System.GetUtcNow(), cancel);
        return database;
    }

    /// <summary>Opens this many cases in IN_REVIEW, each with two moves and two notes.</summary>
    public Task Fill(int cases, CancellationToken cancel) => Execute(
        $"""
        insert into advocacy.applicants (full_name, email, phone, created_at)
        select 'Applicant ' || n, 'applicant' || n || '@example.org', '+45 12 34 56 78', now() from generate_series(1, {cases}) n;
        insert into advocacy.cases (applicant_id, narrative, current_status, created_at, updated_at)
        select n, repeat('The plan denied the treatment. ', 10), 'IN_REVIEW', now(), now() from generate_series(1, {cases}) n;
        insert into advocacy.status_events (case_id, from_status, to_status, actor, reason, created_at)
        select n, nullif(f, ''), t, 'system', 'filled', now() from generate_series(1, {cases}) n, (values ('', 'NEW'), ('NEW', 'IN_REVIEW')) m (f, t);
        insert into advocacy.notes (case_id, author, body, created_at)
        select n, 'Ada', repeat('Called the plan. ', 6), now() from generate_series(1, {cases}) n, generate_series(1, 2);
        """,
        cancel);

    /// <summary>As autovacuum would, in time.</summary>
    public async Task Settle(CancellationToken cancel)
    {
        await Execute("vacuum (analyze)", cancel);
        await Execute("checkpoint", cancel);
    }

    /// <summary>
    /// Brings what was written to its end, so that nobody pays for what another has written: no event waits for its position or its handler,
    /// and the access log's indexes are merged.
    /// </summary>
    public async Task CatchUp(CancellationToken cancel)
    {
        const string sql = """
            select (select position from platform.event_cursors where handler = 'patient-timelines') = (select position from platform.sequencer)
                and not exists (select from platform.events e where not exists (select from platform.chain c where c.event_id = e.id))
            """;
        await Execute("select gin_clean_pending_list('platform.access_batches_ids'), gin_clean_pending_list('platform.access_batches_patients')", cancel);
        for (var tries = 0; tries < 300; tries++)
        {
            await using var command = Source.CreateCommand(sql);
            if (await command.ExecuteScalarAsync(cancel) is true)
                return;
            await Task.Delay(200, cancel);
        }

        throw new InvalidOperationException("Events wait for a minute: the product does not handle them.");
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
