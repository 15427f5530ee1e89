using Caraway.Platform.Postgres;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Commands;

/// <summary><c>caraway migrate down</c> on a database with data.</summary>
public sealed class MigrateCommandTests(PostgresServer postgres) : IAsyncLifetime
{
    private readonly DirectoryInfo folder = TemporaryFolder.Create();
    private TestDatabase database = null!;

    private static int Newest => Migrator.Embedded[^1].Number;

    public async ValueTask InitializeAsync() => database = await postgres.Create();

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData("development")]
    [InlineData("production")]
    public async Task Down_without_an_answer_changes_nothing(string environment)
    {
        var (exitCode, output) = await Run(environment, "migrate", "down");

        Assert.Equal(2, exitCode);
        Assert.Contains($"takes back {Migrator.Embedded[^1]} and deletes the data", output, StringComparison.Ordinal);
        Assert.Contains("--yes", output, StringComparison.Ordinal);
        Assert.Equal(Newest, await NewestApplied());
    }

    [Theory]
    [InlineData("development")]
    [InlineData("production")]
    public async Task Down_with_yes_takes_back_the_newest_migration(string environment)
    {
        var (exitCode, output) = await Run(environment, "migrate", "down", "--yes");

        Assert.Equal((0, $"took back {Migrator.Embedded[^1]}"), (exitCode, output.Trim()));
        Assert.Equal(Newest - 1, await NewestApplied());
    }

    [Fact]
    public async Task Down_is_refused_while_another_program_uses_the_database()
    {
        await using (await OwnCaraway.Start(database.Address))
        {
            var (exitCode, output) = await Run("development", "migrate", "down", "--yes");

            Assert.Equal(5, exitCode);
            Assert.Contains("Other programs use the database: caraway (", output, StringComparison.Ordinal);
            Assert.Equal(Newest, await NewestApplied());
        }

        Assert.Equal(0, (await Run("development", "migrate", "down", "--yes")).ExitCode);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    public async Task No_id_is_given_twice_after_down_and_up(int target)
    {
        long before;
        await using (var caraway = await OwnCaraway.Start(database.Address))
            before = await OpenCase(caraway.Client);
        await database.Execute("select nextval('identity.users_id_seq'), nextval('care.appointments_id_seq')");
        var numbers = await NextNumbers();

        Assert.Equal(0, (await Run("development", "migrate", "down", "--yes", "--to", $"{target}")).ExitCode);
        Assert.Equal(0, (await Run("development", "migrate", "up")).ExitCode);

        await using var again = await OwnCaraway.Start(database.Address);
        var after = await OpenCase(again.Client);
        Assert.True(after > before, $"A new case has the id {after} after {before}.");
        var timeline = await CarawayFixture.Send(again.Client, HttpMethod.Get, $"/cases/{after}/timeline", null);
        Assert.Equal(1, timeline.Json.GetProperty("items").GetArrayLength());
        Assert.All(
            await NextNumbers(),
            next => Assert.True(next.Value > numbers[next.Key], $"{next.Key} gives {next.Value} after {numbers[next.Key]}."));
    }

    [Fact]
    public async Task A_running_program_whose_schema_no_longer_fits_is_not_ready()
    {
        await using var caraway = await OwnCaraway.Start(database.Address);
        var migrator = new Migrator(database.Source, Migrator.Embedded);
        await migrator.Down(Newest - 1, CancellationToken.None);

        foreach (var path in new[] { "/health", "/health/ready" })
        {
            var answer = await CarawayFixture.Send(caraway.Client, HttpMethod.Get, path, null);
            Assert.Equal((503, "not ready"), (answer.Status, answer.Json.GetProperty("status").GetString()));
            Assert.Equal(
                "The schema of the database does not fit this program. "
                + $"Migration {Migrator.Embedded[^1]} has not been applied. Run: ./caraway migrate up",
                answer.Detail);
        }

        Assert.Equal(200, (await CarawayFixture.Send(caraway.Client, HttpMethod.Get, "/health/live", null)).Status);
        await migrator.Up(TimeProvider.System.GetUtcNow(), CancellationToken.None);
        Assert.Equal(200, (await CarawayFixture.Send(caraway.Client, HttpMethod.Get, "/health", null)).Status);
    }

    /// <summary>Without the connections of the test itself, which <c>down</c> would find.</summary>
    private Task<(int ExitCode, string Output)> Run(string environment, params string[] arguments)
    {
        database.Source.Clear();
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["DATABASE_URL"] = database.Address,
            ["ENVIRONMENT"] = environment,
            ["CARAWAY_HOME"] = folder.FullName,
        };
        return CarawayProcess.RunWith("", settings, arguments);
    }

    private static async Task<long> OpenCase(HttpClient client)
    {
        var answer = await CarawayFixture.Send(client, HttpMethod.Post, "/intakes", """{"full_name":"Ada","narrative":"Denied."}""");
        Assert.Equal(201, answer.Status);
        return answer.Json.GetProperty("case_id").GetInt64();
    }

    private Task<int> NewestApplied() => database.Scalar<int>("select max(number) from platform.migrations");

    private async Task<Dictionary<string, long>> NextNumbers()
    {
        string[] sequences = ["platform.event_ids", "identity.users_id_seq", "care.appointments_id_seq", "advocacy.applicants_id_seq"];
        var numbers = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var sequence in sequences)
            numbers[sequence] = await database.Scalar<long>($"select nextval('{sequence}')");
        return numbers;
    }
}
