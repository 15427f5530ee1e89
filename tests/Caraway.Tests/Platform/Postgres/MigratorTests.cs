using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Postgres;

public sealed class MigratorTests(PostgresServer postgres) : IAsyncLifetime
{
    private static readonly DateTimeOffset Now = new(2026, 1, 31, 8, 15, 30, TimeSpan.Zero);

    private static readonly Migration One = new(1, "one", "create table public.one (id int)", "drop table public.one");
    private static readonly Migration Two = new(2, "two", "create table public.two (id int)", "drop table public.two");
    private static readonly Migration Three = new(3, "three", "create table public.three (id int)", "drop table public.three");
    private static readonly Migration Failing = new(2, "failing", "create table public.half (id int); select 1 / 0", "select 1");
    private static readonly Migration CompatibleTwo = new(2, "two", Migration.CompatibleMark + "\n" + Two.Up, Two.Down);

    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.CreateEmpty();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Up_down_and_up_again_leaves_the_same_schema()
    {
        var migrator = new Migrator(database.Source, Migrator.Embedded);
        Assert.NotEmpty(Migrator.Embedded);

        Assert.Equal(Migrator.Embedded, await migrator.Up(Now, CancellationToken.None));
        var first = await Schema();
        Assert.Equal(Migrator.Embedded.Reverse(), await migrator.Down(0, CancellationToken.None));
        var nothing = await Schema();
        await migrator.Up(Now, CancellationToken.None);

        Assert.Contains(first, line => line.Contains("advocacy.cases", StringComparison.Ordinal));
        Assert.NotEmpty(nothing);
        Assert.All(nothing, line => Assert.True(IsMigratorsOwn(line), line));
        Assert.Equal(first, await Schema());
    }

    [Fact]
    public async Task Each_step_back_is_exact()
    {
        var migrator = new Migrator(database.Source, Migrator.Embedded);
        for (var count = 1; count <= Migrator.Embedded.Count; count++)
        {
            await new Migrator(database.Source, [.. Migrator.Embedded.Take(count - 1)]).Up(Now, CancellationToken.None);
            var before = await Schema();
            await new Migrator(database.Source, [.. Migrator.Embedded.Take(count)]).Up(Now, CancellationToken.None);
            await migrator.Down(count - 1, CancellationToken.None);
            Assert.Equal(before.Where(line => !IsMigratorsOwn(line)), (await Schema()).Where(line => !IsMigratorsOwn(line)));
        }
    }

    [Fact]
    public void The_programs_migrations_are_numbered_without_a_gap() =>
        Assert.Equal(Enumerable.Range(1, Migrator.Embedded.Count), Migrator.Embedded.Select(migration => migration.Number));

    [Theory]
    [InlineData(2)]
    [InlineData(10)]
    public async Task Simultaneous_runners_do_the_work_of_one(int runners)
    {
        var runs = Enumerable.Range(0, runners).Select(_ => Task.Run(() => Up([.. Migrator.Embedded])));
        var done = await Task.WhenAll(runs);

        Assert.Equal(Migrator.Embedded.Select(m => m.Number), done.SelectMany(m => m).Select(m => m.Number).Order());
        Assert.Equal(Migrator.Embedded.Count, (await new Migrator(database.Source, []).Status(CancellationToken.None)).Count);
    }

    [Fact]
    public async Task Simultaneous_runners_down_take_each_back_once()
    {
        await Up(One, Two, Three);

        var migrator = new Migrator(database.Source, [One, Two, Three]);
        var done = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => Task.Run(() => migrator.Down(0, CancellationToken.None))));

        Assert.Equal([1, 2, 3], done.SelectMany(m => m).Select(m => m.Number).Order());
        Assert.False(await Exists("public.one"));
    }

    [Fact]
    public async Task Applied_migrations_are_recorded_and_a_second_run_has_nothing_to_do()
    {
        Assert.Equal([One, CompatibleTwo], await Up(One, CompatibleTwo));
        Assert.Empty(await Up(One, CompatibleTwo));

        var applied = await new Migrator(database.Source, []).Status(CancellationToken.None);
        Assert.Equal(
            [
                new AppliedMigration(1, "one", One.Checksum, false, Now.UtcDateTime),
                new AppliedMigration(2, "two", CompatibleTwo.Checksum, true, Now.UtcDateTime),
            ],
            applied);
        await new Migrator(database.Source, [One, CompatibleTwo]).Check(CancellationToken.None);
    }

    [Fact]
    public async Task A_changed_migration_is_refused_in_every_way()
    {
        await Up(One);
        var changed = new Migrator(database.Source, [new Migration(1, "one", One.Up + " ", One.Down), Two]);
        var renamed = new Migrator(database.Source, [new Migration(1, "uno", One.Up, One.Down)]);

        await Refuses(changed.Check(CancellationToken.None), "0001_one was changed");
        await Refuses(changed.Up(Now, CancellationToken.None), "0001_one was changed");
        await Refuses(changed.Down(0, CancellationToken.None), "0001_one was changed");
        await Refuses(renamed.Check(CancellationToken.None), "0001_one was changed");
        Assert.True(await Exists("public.one"));
        Assert.False(await Exists("public.two"));
    }

    [Fact]
    public async Task A_program_does_not_run_before_all_its_migrations()
    {
        await Refuses(new Migrator(database.Source, [One]).Check(CancellationToken.None), "0001_one has not been applied");
        await Up(One);
        await Refuses(new Migrator(database.Source, [One, Two]).Check(CancellationToken.None), "0002_two has not been applied");
        await database.Execute("delete from platform.migrations");
        await Up(Two);
        await Refuses(new Migrator(database.Source, [One, Two]).Check(CancellationToken.None), "0001_one has not been applied");
    }

    [Fact]
    public async Task A_newer_migration_is_refused_unless_it_is_backward_compatible()
    {
        await Up(One, Two);
        await Refuses(new Migrator(database.Source, [One]).Check(CancellationToken.None), "0002_two");
        await Refuses(new Migrator(database.Source, [One]).Up(Now, CancellationToken.None), "0002_two");
        await Refuses(new Migrator(database.Source, [One]).Down(0, CancellationToken.None), "0002_two is newer");

        await new Migrator(database.Source, [One, Two]).Down(1, CancellationToken.None);
        await Up(One, CompatibleTwo);

        await new Migrator(database.Source, [One]).Check(CancellationToken.None);
        Assert.Empty(await Up(One));
    }

    [Fact]
    public async Task An_applied_migration_that_the_program_lost_is_refused_even_if_it_was_backward_compatible()
    {
        await Up(One, CompatibleTwo, Three);

        await Refuses(new Migrator(database.Source, [One, Three]).Check(CancellationToken.None), "0002_two");
    }

    [Fact]
    public async Task A_failing_migration_leaves_only_those_before_it()
    {
        await Refuses(Up(One, Failing, Three), "0002_failing failed, and nothing of it was kept");

        Assert.True(await Exists("public.one"));
        Assert.False(await Exists("public.half"));
        Assert.False(await Exists("public.three"));
        Assert.Equal([1], (await new Migrator(database.Source, []).Status(CancellationToken.None)).Select(a => a.Number));
        Assert.Equal([Two, Three], await Up(One, Two, Three));
    }

    [Fact]
    public async Task A_failing_way_back_changes_nothing()
    {
        var stuck = new Migration(1, "one", One.Up, "drop table public.one; select 1 / 0");
        await Up(stuck);

        await Refuses(new Migrator(database.Source, [stuck]).Down(0, CancellationToken.None), "0001_one failed");

        Assert.True(await Exists("public.one"));
        Assert.Single(await new Migrator(database.Source, []).Status(CancellationToken.None));
    }

    [Fact]
    public async Task Down_on_an_empty_database_does_nothing() =>
        Assert.Empty(await new Migrator(database.Source, Migrator.Embedded).Down(0, CancellationToken.None));

    [Fact]
    public async Task A_sequence_continues_where_the_former_one_ended()
    {
        const string table = "create table public.one (id bigint generated always as identity)";
        var counting = new Migration(1, "counting", table, "drop table public.one");
        await Up(counting);
        await database.Execute("insert into public.one select from generate_series(1, 3)");
        await database.Execute("delete from public.one");
        await new Migrator(database.Source, [counting]).Down(0, CancellationToken.None);
        await Up(counting);

        await database.Execute("insert into public.one default values");

        Assert.Equal(4, await database.Scalar<long>("select id from public.one"));
        Assert.Equal(0, await database.Scalar<long>("select count(*) from platform.given_ids"));
    }

    [Fact]
    public async Task A_sequence_that_a_migration_starts_higher_keeps_its_start()
    {
        var first = new Migration(1, "counting", "create sequence public.ids", "drop sequence public.ids");
        var higher = first with { Up = "create sequence public.ids; select setval('public.ids', 10, false)" };
        await Up(first);
        await database.Execute("select nextval('public.ids')");
        await new Migrator(database.Source, [first]).Down(0, CancellationToken.None);

        await Up(higher);

        Assert.Equal(10, await database.Scalar<long>("select nextval('public.ids')"));
    }

    /// <summary>The tables of the migrator itself, which stay when all migrations are taken back.</summary>
    private static bool IsMigratorsOwn(string line) =>
        line.Contains("platform.migrations", StringComparison.Ordinal) || line.Contains("platform.given_ids", StringComparison.Ordinal);

    private Task<IReadOnlyList<Migration>> Up(params Migration[] known) =>
        new Migrator(database.Source, known).Up(Now, CancellationToken.None);

    private static async Task Refuses(Task work, string words)
    {
        var refusal = await Assert.ThrowsAsync<CommandException>(() => work);
        Assert.Equal(ExitCode.Database, refusal.ExitCode);
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
    }

    private Task<bool> Exists(string table) => database.Scalar<bool>($"select to_regclass('{table}') is not null");

    private async Task<List<string>> Schema()
    {
        var lines = new List<string>();
        await using var command = database.Source.CreateCommand("""
            select 'column ' || table_schema || '.' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' '
                || coalesce(column_default, '') || ' ' || is_identity
            from information_schema.columns where table_schema not in ('pg_catalog', 'information_schema')
            union all select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
            from pg_constraint where connamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
            union all select 'index ' || schemaname || '.' || tablename || ' ' || indexdef
            from pg_indexes where schemaname not in ('pg_catalog', 'information_schema')
            union all select 'function ' || p.oid::regprocedure || ' ' || md5(p.prosrc)
            from pg_proc p where pronamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
            union all select 'trigger ' || tgrelid::regclass || ' ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
            union all select 'comment ' || objoid::regclass || '.' || objsubid || ' ' || description
            from pg_description where classoid = 'pg_class'::regclass and objoid >= 16384
            order by 1
            """);
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            lines.Add(reader.GetString(0));
        return lines;
    }
}
