using Caraway.Platform.Postgres;
using Caraway.Support;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform.Events;

namespace Caraway.Tests.Support;

/// <summary>The migration counts the support cases that are there, and the handler goes on from there.</summary>
public sealed class SupportCountingTests(PostgresServer postgres)
{
    [Fact]
    public async Task The_cases_of_an_older_database_are_counted()
    {
        await using var database = await postgres.CreateEmpty();
        var place = Migrator.Embedded.ToList().FindIndex(migration => migration.Name == "support_analytics");
        Assert.InRange(place, 1, Migrator.Embedded.Count);
        var newer = new Migrator(database.Source, [.. Migrator.Embedded.Take(place + 1)]);
        await new Migrator(database.Source, [.. Migrator.Embedded.Take(place)]).Up(TimeProvider.System.GetUtcNow(), default);
        await database.Execute(
            """
            insert into support.cases (
                id, owner, readers, title, description, status, severity, category, metadata, tags, created_at, updated_at, resolved_at,
                ended_at)
            select n, 'user:1', '{user:1}', 't', '', s.status, 'low', 'error', '{}', '{}', s.at, s.at,
                case s.status when 'resolved' then s.at + n * interval '5 hours' end,
                case when s.status <> 'active' then s.at + n * interval '5 hours' end
            from generate_series(1, 100) n
            cross join lateral (values (
                case n % 3 when 0 then 'active' when 1 then 'resolved' else 'archived' end, now() - n * interval '7 hours')) s (status, at)
            """);
        await TestEventLog.Add(database, 5);
        await TestEventLog.Sequence(database);

        await newer.Up(TimeProvider.System.GetUtcNow(), default);

        Assert.NotEqual("", await database.CheckSupportRollup());
        Assert.Equal(5, await Cursor(database));

        await newer.Down(place, default);
        Assert.Null(await Cursor(database));
        await newer.Up(TimeProvider.System.GetUtcNow(), default);
        await database.CheckSupportRollup();
    }

    private static Task<long?> Cursor(TestDatabase database) => database.Scalar<long?>(
        "select position from platform.event_cursors where handler = @handler", ("handler", WhenCaseChanged.Handler));
}
