using Caraway.Platform;
using Caraway.Platform.Postgres;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform;

public sealed class MigratorTests(PostgresServer postgres)
{
    /// <summary>Every column, constraint, index and function there is, as text.</summary>
    private const string Schema = """
        select string_agg(line, E'\n' order by line) from (
            select format('%s.%s.%s %s %s', table_schema, table_name, column_name, data_type, column_default) as line from information_schema.columns where table_schema in ('platform', 'advocacy')
            union all select format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) from pg_constraint where connamespace in ('platform'::regnamespace, 'advocacy'::regnamespace)
            union all select indexdef from pg_indexes where schemaname in ('platform', 'advocacy')
            union all select prosrc from pg_proc where pronamespace in ('platform'::regnamespace, 'advocacy'::regnamespace)
        ) lines
        """;

    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private static readonly Migration One = new(1, "one", "create table platform.one (id int)", "drop table platform.one");
    private static readonly Migration Two = new(2, "two", "create table platform.two (id int)", "drop table platform.two");
    private static readonly Migration Compatible = new(3, "three", Migration.CompatibleMark + "\ncreate table platform.three (id int)", "drop table platform.three");

    [Fact]
    public void The_programs_own_migrations_are_numbered_without_a_gap_and_have_a_way_back()
    {
        Assert.Equal(Enumerable.Range(1, Migrator.Embedded.Count), Migrator.Embedded.Select(m => m.Number));
        Assert.All(Migrator.Embedded, m => Assert.NotEqual("", m.Down.Trim()));
    }

    [Fact]
    public async Task Up_down_and_up_again_is_the_same_schema()
    {
        await using var database = await postgres.CreateEmpty();
        var migrator = new Migrator(database.Source, Migrator.Embedded);

        Assert.Equal(Migrator.Embedded, await migrator.Up(Now, default));
        var first = await database.Scalar<string>(Schema);
        for (var target = Migrator.Embedded.Count - 1; target >= 0; target--)
            Assert.Single(await migrator.Down(target, default));
        Assert.Equal(0, await database.Scalar<long>("select count(*) from information_schema.tables where table_schema in ('platform', 'advocacy') and table_name <> 'migrations'"));
        Assert.Equal(Migrator.Embedded, await migrator.Up(Now, default));

        Assert.Contains("advocacy.cases.current_status", first, StringComparison.Ordinal);
        Assert.Equal(first, await database.Scalar<string>(Schema));
        Assert.Empty(await migrator.Up(Now, default));
        await migrator.Check(default);
    }

    [Fact]
    public async Task Ten_runners_at_once_do_the_work_of_one()
    {
        await using var database = await postgres.CreateEmpty();

        var runs = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => new Migrator(database.Source, Migrator.Embedded).Up(Now, default)));

        Assert.Equal(Migrator.Embedded.Select(m => m.Number), runs.SelectMany(run => run).Select(m => m.Number).Order());
    }

    [Fact]
    public async Task A_migration_that_fails_keeps_nothing_of_itself_and_all_before_it()
    {
        await using var database = await postgres.CreateEmpty();
        var broken = Two with { Up = "create table platform.two (id int); select 1 / 0" };

        var failure = await Assert.ThrowsAsync<CommandException>(() => new Migrator(database.Source, [One, broken]).Up(Now, default));

        Assert.Equal(ExitCode.Database, failure.ExitCode);
        Assert.Contains("0002_two failed", failure.Message, StringComparison.Ordinal);
        Assert.Equal("one", await database.Scalar<string>("select string_agg(name, ',') from platform.migrations"));
        Assert.True(await database.Scalar<bool>("select to_regclass('platform.two') is null"));
    }

    [Fact]
    public async Task A_changed_migration_stops_the_program_both_ways()
    {
        await using var database = await postgres.CreateEmpty();
        await new Migrator(database.Source, [One]).Up(Now, default);
        var changed = new Migrator(database.Source, [One with { Up = "select 1" }, Two]);

        foreach (var act in new Func<Task>[] { () => changed.Check(default), () => changed.Up(Now, default), () => changed.Down(0, default) })
            Assert.Contains("0001_one was changed", (await Assert.ThrowsAsync<CommandException>(act)).Message, StringComparison.Ordinal);
        Assert.True(await database.Scalar<bool>("select to_regclass('platform.two') is null"));
    }

    [Fact]
    public async Task A_missing_migration_stops_the_program_and_names_the_command()
    {
        await using var database = await postgres.CreateEmpty();
        await new Migrator(database.Source, [One]).Up(Now, default);

        var refusal = await Assert.ThrowsAsync<CommandException>(() => new Migrator(database.Source, [One, Two]).Check(default));

        Assert.Contains("0002_two has not been applied", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("migrate up", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_older_program_runs_on_newer_migrations_only_when_they_are_marked()
    {
        await using var database = await postgres.CreateEmpty();
        await new Migrator(database.Source, [One, Two, Compatible]).Up(Now, default);

        await new Migrator(database.Source, [One, Two]).Check(default);
        Assert.Contains("0002_two, which this program does not know", (await Assert.ThrowsAsync<CommandException>(() => new Migrator(database.Source, [One]).Check(default))).Message, StringComparison.Ordinal);
        Assert.Contains("0003_three is newer", (await Assert.ThrowsAsync<CommandException>(() => new Migrator(database.Source, [One, Two]).Down(0, default))).Message, StringComparison.Ordinal);
    }
}
