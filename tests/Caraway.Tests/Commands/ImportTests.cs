using Caraway.Advocacy;
using Caraway.Platform.Hosting;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Commands;

/// <summary><c>caraway import intakes</c> as a process, on a database of its own.</summary>
public sealed class ImportTests(PostgresServer postgres) : IAsyncLifetime
{
    private const string Whole =
        "select count(*) from (select case_id from advocacy.status_events group by case_id having count(*) <> 4) broken";

    private const string OrphanApplicants =
        "select count(*) from advocacy.applicants a where not exists (select from advocacy.cases c where c.applicant_id = a.id)";

    private readonly DirectoryInfo folder = TemporaryFolder.Create();
    private TestDatabase database = null!;

    private static string Sample => Path.Combine(Checkout.Root, "samples", "imr-determinations.csv");

    public async ValueTask InitializeAsync() => database = await postgres.Create();

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task The_real_determinations_are_imported_once()
    {
        var first = await Import(Sample);

        Assert.Equal(0, first.ExitCode);
        Assert.Contains("19,228 cases opened, 0 there already", first.Output, StringComparison.Ordinal);
        await HoldsTheSample();

        var events = await database.Scalar<long>("select count(*) from platform.events");
        var second = await Import(Sample);

        Assert.Equal(0, second.ExitCode);
        Assert.Contains("0 cases opened, 19,228 there already", second.Output, StringComparison.Ordinal);
        await HoldsTheSample();
        Assert.Equal(events, await database.Scalar<long>("select count(*) from platform.events"));
    }

    [Fact]
    public async Task A_killed_import_leaves_whole_cases_and_the_next_run_completes()
    {
        var kills = 0;
        foreach (var chunks in new[] { 0, 1, 2, 3 })
        {
            using var import = CarawayProcess.Start(Settings(), "import", "intakes", Sample);
            var enough = Math.Min(chunks * ImportIntakes.ChunkSize, 19_000);
            while (!import.HasExited && await database.Scalar<long>("select count(*) from advocacy.cases") < enough)
                await Task.Delay(5);
            await Task.Delay(chunks * 37);
            kills += import.HasExited ? 0 : 1;
            import.Kill();
            await import.Exit();

            Assert.Equal(0, await database.Scalar<long>(Whole));
            Assert.Equal(0, await database.Scalar<long>(OrphanApplicants));
        }

        Assert.InRange(kills, 2, 4);
        Assert.Equal(0, (await Import(Sample)).ExitCode);
        await HoldsTheSample();
    }

    [Fact]
    public async Task Two_imports_at_once_do_the_work_of_one()
    {
        var runs = await Task.WhenAll(Import(Sample), Import(Sample));

        Assert.All(runs, run => Assert.Equal(0, run.ExitCode));
        await HoldsTheSample();
    }

    [Fact]
    public async Task A_bad_row_refuses_the_whole_file()
    {
        var file = await Csv(
            "full_name,email,narrative,external_reference",
            "Ada,ada@example.com,\"Denied,\ntwice\",A-1",
            ",not an address,,A-2",
            "Bob,,Denied,A-1",
            "Cleo,Denied",
            "Di\"a,,Denied,A-4",
            $"Eve,,{new string('x', 20_001)},A-5");

        var run = await Import(file);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("line 4: full_name: This is required. email: This must be an e-mail address", run.Output, StringComparison.Ordinal);
        Assert.Contains("line 5: external_reference: the row on line 2 has the same.", run.Output, StringComparison.Ordinal);
        Assert.Contains("line 6: It has 2 values; the header has 4.", run.Output, StringComparison.Ordinal);
        Assert.Contains("line 7: A quote", run.Output, StringComparison.Ordinal);
        Assert.Contains("line 8: narrative: This must have at most 20,000 characters.", run.Output, StringComparison.Ordinal);
        Assert.Equal(0, await database.Scalar<long>("select count(*) from advocacy.cases"));

        var kept = await Import(file, "--keep-good");

        Assert.Equal(0, kept.ExitCode);
        Assert.Equal("Denied,\ntwice", await database.Scalar<string>("select string_agg(narrative, '|') from advocacy.cases"));
        Assert.Equal("NEW", await database.Scalar<string>("select string_agg(current_status, '|') from advocacy.cases"));
    }

    [Fact]
    public async Task A_dry_run_writes_nothing()
    {
        var run = await Import(Sample, "--dry-run");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("19,228 good and 0 bad rows", run.Output, StringComparison.Ordinal);
        Assert.Equal(0, await database.Scalar<long>("select count(*) from advocacy.cases"));
    }

    [Fact]
    public async Task Columns_are_mapped_and_rows_without_a_reference_are_imported_once()
    {
        var file = await Csv("Name;Story;Mail", "Zoë;Abgelehnt;Zoe@EXAMPLE.org", "Bob;Denied;", "Bob;Denied;");

        for (var run = 0; run < 2; run++)
            Assert.Equal(0, (await Import(file, "--map", "full_name=Name,narrative=Story", "--map", "email=Mail")).ExitCode);

        Assert.Equal("Zoë <Zoe@example.org>|Bob|Bob", await database.Scalar<string>(
            "select string_agg(full_name || coalesce(' <' || email || '>', ''), '|' order by id) from advocacy.applicants"));
        Assert.Equal(3, await database.Scalar<long>("select count(*) from advocacy.cases where external_reference like 'import:%'"));
    }

    [Theory]
    [InlineData("a,b\n1,2", "no column full_name")]
    [InlineData("", "is empty")]
    [InlineData("full_name,narrative,full_name\nx,y,z", "two columns named full_name")]
    public async Task A_file_that_cannot_be_read_is_refused_with_a_sentence(string text, string sentence)
    {
        var file = Path.Combine(folder.FullName, "bad.csv");
        await File.WriteAllTextAsync(file, text);

        var run = await Import(file);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains(sentence, run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_not_UTF8_a_folder_and_a_missing_file_are_refused_with_a_sentence()
    {
        var latin = Path.Combine(folder.FullName, "latin.csv");
        await File.WriteAllBytesAsync(latin, [.. "full_name,narrative\nZo"u8, 0xEB, .. ",x\n"u8]);

        foreach (var (file, sentence) in new[]
        {
            (latin, "not UTF-8"), (Path.Combine(folder.FullName, "none.csv"), "There is no file"), (folder.FullName, "There is no file"),
        })
        {
            var run = await Import(file);
            Assert.Equal(2, run.ExitCode);
            Assert.Contains(sentence, run.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", run.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_steps_of_an_import_are_legal_moves()
    {
        foreach (var decision in new[] { "APPROVED", "DENIED" })
        {
            foreach (var (from, to) in ImportIntakes.Steps.Skip(1))
                Assert.True(CaseWorkflow.Table.Allows(from!, to ?? decision));
        }
    }

    private async Task HoldsTheSample()
    {
        Assert.Equal("APPROVED 8452, DENIED 10776", await database.Scalar<string>(
            """
            select string_agg(current_status || ' ' || n, ', ' order by current_status)
            from (select current_status, count(*) n from advocacy.cases group by 1) s
            """));
        Assert.Equal(0, await database.Scalar<long>(Whole));
        Assert.Equal(19_228 * 4, await database.Scalar<long>("select count(*) from advocacy.status_events where actor = 'import'"));
        Assert.Equal(19_228 * 4, await database.Scalar<long>("select count(*) from platform.events"));
        Assert.Equal(0, await database.Scalar<long>(
            """
            select count(*) from (
                select from_status, lag(to_status) over (partition by case_id order by e.id) as before, to_status,
                    lead(e.id) over (partition by case_id order by e.id) as next, c.current_status
                from advocacy.status_events e join advocacy.cases c on c.id = e.case_id
            ) steps where from_status is distinct from before or (next is null and to_status <> current_status)
            """));
    }

    private async Task<string> Csv(params string[] lines)
    {
        var file = Path.Combine(folder.FullName, "intakes.csv");
        await File.WriteAllTextAsync(file, string.Join('\n', lines) + "\n");
        return file;
    }

    private Task<(int ExitCode, string Output)> Import(string file, params string[] options) =>
        CarawayProcess.Run(Settings(), ["import", "intakes", file, .. options]);

    private Dictionary<string, string> Settings() => new(StringComparer.Ordinal)
    {
        ["DATABASE_URL"] = database.Address,
        ["ENVIRONMENT"] = "development",
        ["CARAWAY_HOME"] = folder.FullName,
    };
}
