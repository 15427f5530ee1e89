using Caraway.Support.Files;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Commands;

/// <summary><c>caraway export cases</c> and <c>caraway import cases</c> as processes, on databases of their own.</summary>
public sealed class CaseFileCommandTests(PostgresServer postgres) : IAsyncLifetime
{
    /// <summary>All that a file keeps of the cases.</summary>
    private const string Rows = """
        select md5(string_agg(concat_ws('|', id, owner, readers[1], session_id, title, description, status, severity, category, metadata,
            tags, created_at, updated_at, resolved_at, coalesce(ended_at::text, '-')), '|' order by id)) || ' ' || count(*)
        from support.cases
        """;

    private readonly DirectoryInfo folder = TemporaryFolder.Create();
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.Create();

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData("cases.json")]
    [InlineData("cases.csv")]
    public async Task Another_database_gets_the_same_cases(string name)
    {
        await Fill(6_200);
        var file = FileOf(name);
        var exported = await Run("export", "cases", file);
        Assert.True(exported.ExitCode == 0, exported.Output);
        Assert.Contains("6,200 cases exported", exported.Output, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Single(folder.GetFiles());
        Assert.Equal(6_200, await database.Scalar<long>(
            "select count(distinct i) from platform.access_log a, unnest(ids) i where actor = 'command' and kind = 'support.case'"));
        var rows = await database.Scalar<string>(Rows);

        await using var empty = await postgres.Create();
        var imported = await RunOn(empty, "import", "cases", file);

        Assert.True(imported.ExitCode == 0, imported.Output);
        Assert.Contains("6,200 cases imported, 0 there already", imported.Output, StringComparison.Ordinal);
        Assert.Equal(rows, await empty.Scalar<string>(Rows));
        Assert.Equal(6_200, await empty.Scalar<long>(
            "select count(distinct subject) from platform.events where name = 'support_case.imported' and actor = 'import'"));
        Assert.Equal("succeeded", await empty.Scalar<string>("select string_agg(state, ' ') from support.imports"));
        var again = await RunOn(empty, "import", "cases", file);
        Assert.Contains("0 cases imported, 6,200 there already", again.Output, StringComparison.Ordinal);
        Assert.Equal(rows, await empty.Scalar<string>(Rows));
    }

    [Fact]
    public async Task An_export_replaces_no_file_and_tells_what_it_needs()
    {
        var file = FileOf("cases.json");
        await File.WriteAllTextAsync(file, "mine");

        var refused = await Run("export", "cases", file);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("exists already", refused.Output, StringComparison.Ordinal);
        Assert.Equal("mine", await File.ReadAllTextAsync(file));
        Assert.Equal(0, (await Run("export", "cases", file, "--force")).ExitCode);
        Assert.Equal("{\"cases\":[]}\n", await File.ReadAllTextAsync(file));
        Assert.Equal(2, (await Run("export", "cases", FileOf("cases.txt"))).ExitCode);
        Assert.Equal(2, (await Run("export", "cases", FileOf("cases"), "--format", "ndjson")).ExitCode);
        Assert.Contains("{\"cases\":[]}", (await Run("export", "cases", "-")).Output, StringComparison.Ordinal);
        Assert.Contains("case_id,user_id", (await Run("export", "cases", "-", "--format", "csv")).Output, StringComparison.Ordinal);
        Assert.Equal(1, (await Run("export", "cases", FileOf("none/cases.json"))).ExitCode);
        Assert.Single(folder.GetFiles());
    }

    [Fact]
    public async Task A_killed_export_leaves_no_file_of_the_name()
    {
        await Fill(20_000);
        var file = FileOf("cases.json");
        using var export = CarawayProcess.Start(Settings(database), "export", "cases", file);
        while (!export.HasExited && !folder.GetFiles("*.part").Any(part => part.Length > 0))
            await Task.Delay(1);
        export.Kill();
        await export.Exit();

        Assert.False(File.Exists(file));
        Assert.Equal(0, (await Run("export", "cases", file)).ExitCode);
        // A case is a line, between the first line and the last.
        Assert.Equal(20_002, File.ReadLines(file).Count());
    }

    [Fact]
    public async Task A_file_with_faults_is_refused_whole()
    {
        var file = FileOf("cases.ndjson");
        await File.WriteAllTextAsync(file, """
            {"user_id":"anna","title":"One"}
            {"user_id":"anna","severity":"urgent"}
            {"title":"Two"}
            """);

        var run = await Run("import", "cases", file);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("line 2: #/severity: The severity must be one of", run.Output, StringComparison.Ordinal);
        Assert.Contains("line 3: #/user_id: This is required.", run.Output, StringComparison.Ordinal);
        Assert.Contains("2 faults in 3 rows. Nothing was written.", run.Output, StringComparison.Ordinal);
        Assert.Equal(0, await database.Scalar<long>("select count(*) from support.cases"));
        Assert.Equal(2, (await Run("import", "cases", FileOf("none.csv"))).ExitCode);
        Assert.Equal(2, (await Run("import", "cases", FileOf("cases"))).ExitCode);
        Assert.Equal(2, (await Run("import", "cases", file, "--owner", "user:x")).ExitCode);
    }

    [Fact]
    public async Task Standard_input_another_pipe_a_dry_run_and_an_owner()
    {
        const string rows = "title,created_at\nOne,2026-01-02\n,2026-01-02\n";
        string[] command = ["import", "cases", "-", "--format", "csv", "--owner", "user:5"];
        string[] pipe = ["import", "cases", "/dev/stdin", "--format", "csv", "--owner", "user:5"];

        var dry = await CarawayProcess.RunWith(rows, Settings(database), [.. command, "--dry-run"]);
        Assert.Contains("2 good rows. Nothing was written", dry.Output, StringComparison.Ordinal);
        Assert.Equal(0, await database.Scalar<long>("select count(*) from support.cases"));
        foreach (var again in new[] { command, command, pipe })
            Assert.Equal(0, (await CarawayProcess.RunWith(rows, Settings(database), again)).ExitCode);

        Assert.Equal("user:5 Case-0102-2, user:5 One", await database.Scalar<string>(
            "select string_agg(owner || ' ' || title, ', ' order by title) from support.cases"));
    }

    [Fact]
    public async Task A_killed_import_continues_and_two_at_once_do_the_work_of_one()
    {
        const int rows = 22_000;
        var file = FileOf("cases.csv");
        await File.WriteAllLinesAsync(
            file, ["user_id,created_at", .. Enumerable.Range(0, rows).Select(n => $"user-{n % 50},2026-01-{n % 28 + 1:00}T00:00:00Z")]);
        var kills = 0;
        for (var chunks = 0; chunks < 4; chunks++)
        {
            using var import = CarawayProcess.Start(Settings(database), "import", "cases", file);
            var enough = chunks * CaseImport.ChunkSize;
            while (!import.HasExited && await Count("support.cases") < enough)
                await Task.Delay(5);
            await Task.Delay(chunks * 37);
            kills += import.HasExited ? 0 : 1;
            import.Kill();
            await import.Exit();
            var written = await Count("support.cases");
            Assert.Equal(written, await Count("platform.events where name = 'support_case.imported'"));
            Assert.Equal(written, await database.Scalar<long>("select coalesce(sum(done), 0)::bigint from support.imports"));
        }

        Assert.InRange(kills, 2, 4);
        var runs = await Task.WhenAll(Run("import", "cases", file), Run("import", "cases", file));

        Assert.All(runs, run => Assert.True(run.ExitCode == 0, run.Output));
        Assert.Equal(rows, await Count("support.cases"));
        Assert.Equal(rows, await database.Scalar<long>(
            "select count(distinct (owner, created_at, title)) from support.cases"));
        Assert.Equal(rows, await database.Scalar<long>("select sum(last) from support.day_numbers"));
    }

    private Task<long> Count(string rows) => database.Scalar<long>("select count(*) from " + rows);

    private Task Fill(int count) => database.Execute($$"""
        insert into support.cases (
            id, owner, readers, session_id, title, description, status, severity, category, metadata, tags, created_at, updated_at,
            resolved_at, ended_at)
        select ('x' || substr(md5(n::text), 1, 12))::bit(48)::bigint, o, array[o], nullif('s' || n % 7, 's0'),
            (array['=1+1', '''quoted', 'Case ' || n, '-', E'a "b", c'])[n % 5 + 1], E'line ' || n || E'\r\n''x\t;' || repeat('y', n % 300),
            s, (array['low', 'high'])[n % 2 + 1], 'error', (array['{}', '{"n": 1.500, "a":["é"]}'])[n % 2 + 1],
            (array['{}', '{a,"b\"c",''d}'])[n % 2 + 1]::text[], t, t + interval '3 hours',
            case when s in ('resolved', 'closed') then t + interval '2 hours' end,
            case when s in ('resolved', 'closed') then t + interval '2 hours' when s = 'archived' then t + interval '3 hours' end
        from generate_series(1, {{count}}) n,
            lateral (select (array['user:1', 'gateway:=anna', 'apikey:3'])[n % 3 + 1],
                timestamptz '2026-01-01Z' + interval '1.234567 s' * (n / 2),
                (array['active', 'investigating', 'resolved', 'closed', 'archived'])[n % 5 + 1]) c (o, t, s)
        """);

    private string FileOf(string name) => Path.Combine(folder.FullName, name);

    private Task<(int ExitCode, string Output)> Run(params string[] arguments) => RunOn(database, arguments);

    private Task<(int ExitCode, string Output)> RunOn(TestDatabase target, params string[] arguments) =>
        CarawayProcess.Run(Settings(target), arguments);

    private Dictionary<string, string> Settings(TestDatabase target) => new(StringComparer.Ordinal)
    {
        ["DATABASE_URL"] = target.Address,
        ["ENVIRONMENT"] = "development",
        ["CARAWAY_HOME"] = Path.Combine(folder.FullName, "home"),
    };
}
