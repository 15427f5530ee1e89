using System.Globalization;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Commands;

/// <summary>The worker gets kill -9 ten times at random moments while it processes 5,000 documents.</summary>
[Trait("Category", "Long")]
public sealed class JobKillTests(PostgresServer postgres, ITestOutputHelper output)
{
    private const int Documents = 5_000;
    private const int Kills = 10;

    [Fact]
    public async Task Each_document_is_processed_exactly_once()
    {
        await using var database = await postgres.Create();
        var folder = TemporaryFolder.Create();
        await database.Execute(
            $"""
            with a as (insert into advocacy.applicants (full_name, created_at) values ('Ada', now()) returning id),
            c as (
                insert into advocacy.cases (applicant_id, narrative, current_status, created_at, updated_at)
                select id, 'x', 'NEW', now(), now() from a returning id
            ), d as (
                insert into advocacy.documents (case_id, filename, status, created_at, updated_at)
                select c.id, n || '.pdf', 'UPLOADED', now(), now() from c, generate_series(1, {Documents}) n returning id
            )
            insert into platform.jobs (queue, kind, subject, payload, run_at, created_at, updated_at)
            select 'documents', 'process_document', 'advocacy.document:' || id,
                json_build_object('document_id', id)::text, now(), now(), now()
            from d
            """);
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["DATABASE_URL"] = database.Address,
            ["CARAWAY_HOME"] = folder.FullName,
            ["ENVIRONMENT"] = "development",
            ["Server__Port"] = "0",
            ["Jobs__LeaseSeconds"] = "2",
            ["Jobs__Batch"] = "20",
            ["Jobs__MaxAttempts"] = "50",
        };

        var random = new Random(20261121);
        var midway = 0;
        for (var kill = 1; kill <= Kills; kill++)
        {
            using var worker = CarawayProcess.Start(settings, "serve", "--role", "worker");
            var enough = Documents * kill / (Kills + 1);
            while (await Succeeded(database) < enough)
                await Task.Delay(1);
            await Task.Delay(random.Next(0, 15));
            worker.Kill();
            await worker.Exit();
            midway += await database.Scalar<long>("select count(*) from platform.jobs where state = 'running'") > 0 ? 1 : 0;
        }

        using (var last = CarawayProcess.Start(settings, "serve", "--role", "worker"))
        {
            for (var tries = 0; await Succeeded(database) < Documents; tries++)
            {
                Assert.InRange(tries, 0, 600);
                await Task.Delay(100);
            }

            last.Terminate();
            Assert.Equal(0, await last.Exit());
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Kills} kills, {midway} of them with running jobs."));
        Assert.InRange(midway, 3, Kills);
        Assert.Equal(Documents, await database.Scalar<long>("select count(*) from advocacy.documents where status = 'PROCESSED'"));
        Assert.Equal(Documents, await database.Scalar<long>("select count(*) from platform.events where name = 'case.document_processed'"));
        Assert.Equal(
            Documents,
            await database.Scalar<long>("select count(distinct payload) from platform.events where name = 'case.document_processed'"));
        folder.Delete(recursive: true);
    }

    private static Task<long> Succeeded(TestDatabase database) =>
        database.Scalar<long>("select count(*) from platform.jobs where state = 'succeeded'");
}
