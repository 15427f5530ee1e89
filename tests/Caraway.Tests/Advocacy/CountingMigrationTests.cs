using Caraway.Advocacy;
using Caraway.Platform.Postgres;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform.Events;

namespace Caraway.Tests.Advocacy;

/// <summary>The migration counts the cases that are there, and the handler goes on from there.</summary>
public sealed class CountingMigrationTests(PostgresServer postgres)
{
    [Fact]
    public async Task The_cases_of_an_older_database_are_counted()
    {
        await using var database = await postgres.CreateEmpty();
        var place = Migrator.Embedded.ToList().FindIndex(migration => migration.Name == "advocacy_analytics");
        Assert.InRange(place, 1, Migrator.Embedded.Count);
        var older = new Migrator(database.Source, [.. Migrator.Embedded.Take(place)]);
        var newer = new Migrator(database.Source, [.. Migrator.Embedded.Take(place + 1)]);
        await older.Up(TimeProvider.System.GetUtcNow(), default);
        await database.Execute(
            """
            insert into advocacy.applicants (full_name, created_at) values ('Ada', now());
            insert into advocacy.cases (applicant_id, narrative, current_status, created_at, updated_at)
            select 1, 'n', case n % 3 when 0 then 'NEW' when 1 then 'APPROVED' else 'CLOSED' end, now() - n * interval '7 hours', now()
            from generate_series(1, 100) n;
            insert into advocacy.status_events (case_id, to_status, actor, created_at)
            select id, current_status, 'test', created_at + id * interval '1 hour' from advocacy.cases where current_status <> 'NEW'
            """);
        await TestEventLog.Add(database, 5);
        await TestEventLog.Sequence(database);

        await newer.Up(TimeProvider.System.GetUtcNow(), default);

        Assert.NotEqual("", await database.CheckRollup());
        Assert.Equal(5, await Cursor(database));

        await newer.Down(place, default);
        Assert.Null(await Cursor(database));
        await newer.Up(TimeProvider.System.GetUtcNow(), default);
        await database.CheckRollup();
    }

    [Fact]
    public async Task A_new_database_has_no_cursor_before_the_first_start()
    {
        await using var database = await postgres.Create();

        Assert.Null(await Cursor(database));
    }

    private static Task<long?> Cursor(TestDatabase database) => database.Scalar<long?>(
        "select position from platform.event_cursors where handler = @handler", ("handler", WhenCaseChanged.Handler));
}
