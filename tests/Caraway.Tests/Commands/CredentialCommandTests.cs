using System.Globalization;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Commands;

/// <summary><c>caraway admin</c>, <c>caraway apikey</c>, <c>caraway jobs</c> and the first start, as processes next to a server.</summary>
[Collection(Alone.Name)]
public sealed class CredentialCommandTests(CarawayFixture caraway, PostgresServer postgres) : IClassFixture<CarawayFixture>, IDisposable
{
    private readonly DirectoryInfo folder = TemporaryFolder.Create();

    [Fact]
    public async Task An_administrator_is_made_and_signs_in()
    {
        var email = Accounts.NewEmail();
        var (exitCode, output) = await RunWith(
            "a password from a pipe\n", "admin", "create", "--email", email, "--full-name", "Ada Admin");

        Assert.Equal(0, exitCode);
        var id = long.Parse(output.Trim(), CultureInfo.InvariantCulture);
        var signedIn = Accounts.Read(id, email, await caraway.SignIn(email, "a password from a pipe"));
        Assert.Equal(200, (await caraway.As(signedIn, HttpMethod.Get, "/api/v1/users")).Status);
        Assert.StartsWith("user.registered by command", await caraway.Events(id), StringComparison.Ordinal);

        var again = await RunWith("another password\n", "admin", "create", "--email", email.ToUpperInvariant(), "--full-name", "Ada Again");
        Assert.Equal(2, again.ExitCode);
    }

    [Theory]
    [InlineData("short\n", "x@example.org", "8 to 128")]
    [InlineData("", "x@example.org", "8 to 128")]
    [InlineData("password1\n", "x@example.org", "most common")]
    [InlineData("nul\0in a password\n", "x@example.org", "U+0000")]
    [InlineData("a good long phrase\n", "nobody", "--email")]
    public async Task An_administrator_with_a_wrong_address_or_password_is_refused(string input, string email, string sentence)
    {
        var (exitCode, output) = await RunWith(input, "admin", "create", "--email", email, "--full-name", "Ada");

        Assert.Equal(2, exitCode);
        Assert.Contains(sentence, output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reset_password_ends_the_sign_ins_and_is_an_event()
    {
        var person = await caraway.Person();

        var (exitCode, output) = await RunWith("a password from a pipe\n", "admin", "reset-password", person.Email.ToUpperInvariant());

        Assert.Equal((0, "The password was changed. Sign-ins that were ended: 1."), (exitCode, output.Trim()));
        await Task.Delay(1100);
        Assert.Equal(401, (await caraway.As(person, HttpMethod.Get, $"/api/v1/users/{person.UserId}")).Status);
        Assert.Equal(401, (await caraway.SignIn(person.Email)).Status);
        Assert.Equal(200, (await caraway.SignIn(person.Email, "a password from a pipe")).Status);
        Assert.Contains("user.password_changed by command", await caraway.Events(person.UserId), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("short\n", "somebody@example.org", "8 to 128")]
    [InlineData("a good long phrase\n", "somebody@example.org", "No account has this address.")]
    [InlineData("a good long phrase\n", "nobody", "EMAIL must be")]
    public async Task A_password_that_cannot_be_reset_is_a_sentence(string input, string email, string sentence)
    {
        var (exitCode, output) = await RunWith(input, "admin", "reset-password", email);

        Assert.Equal(2, exitCode);
        Assert.Contains(sentence, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Empty_lists_say_that_they_are_empty()
    {
        await using var fresh = await postgres.Create();

        foreach (var (command, sentence) in new[]
        {
            ("apikey", "There are no API keys."),
            ("jobs", "There are no jobs."),
            ("events", "There are no event handlers yet. A server registers them when it starts."),
        })
        {
            var (exitCode, output) = await CarawayProcess.Run(Environment(fresh.Address), command, "list");
            Assert.Equal((0, sentence), (exitCode, output.Trim()));
        }
    }

    [Fact]
    public async Task A_job_that_cannot_be_retried_has_a_reason()
    {
        await using var fresh = await postgres.Create();
        await fresh.Execute(
            """
            insert into platform.jobs (queue, kind, subject, payload, state, run_at, created_at, updated_at)
            values ('q', 'k', 's', '{}', 'failed', now(), now(), now()), ('q', 'k', 't', '{}', 'succeeded', now(), now(), now())
            """);

        var (exitCode, output) = await CarawayProcess.Run(Environment(fresh.Address), "jobs", "retry", "1", "2", "99999");

        Assert.Equal(2, exitCode);
        Assert.Contains("1 jobs are queued again.", output, StringComparison.Ordinal);
        Assert.Contains("Job 2 is succeeded. Only failed jobs can be queued again.", output, StringComparison.Ordinal);
        Assert.Contains("There is no job 99999.", output, StringComparison.Ordinal);
        Assert.Equal("queued", await fresh.Scalar<string>("select state from platform.jobs where id = 1"));
    }

    [Fact]
    public async Task A_key_is_printed_alone_listed_by_its_first_characters_and_revoked()
    {
        var (created, output) = await Run(
            "apikey", "create", "--name", "billing", "--scope", "advocacy:read", "--scope", "metrics:read", "--expires", "2099-01-31");
        var key = output.Trim();
        Assert.Equal((0, 47), (created, key.Length));
        Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Get, "/cases", null, ("X-API-Key", key))).Status);

        var (_, list) = await Run("apikey", "list");
        Assert.Contains($"{key[..12]}…  good to 2099-02-01", list, StringComparison.Ordinal);
        Assert.Contains("advocacy:read metrics:read  (billing)", list, StringComparison.Ordinal);
        Assert.DoesNotContain(key[12..], list, StringComparison.Ordinal);

        Assert.Equal(0, (await Run("apikey", "revoke", key[..12])).ExitCode);
        await Task.Delay(1100);
        (await caraway.Anonymously(HttpMethod.Get, "/cases", null, ("X-API-Key", key))).IsProblem(401, "api_key_required");
        Assert.Equal(2, (await Run("apikey", "revoke", key[..12])).ExitCode);
        Assert.Equal(2, (await Run("apikey", "create", "--name", "x", "--scope", "everything")).ExitCode);
        var expired = await Run("apikey", "create", "--name", "x", "--scope", "advocacy:read", "--expires", "2020-01-01");
        Assert.Equal(2, expired.ExitCode);
    }

    [Fact]
    public async Task One_of_three_simultaneous_first_starts_makes_the_administrator_and_all_serve()
    {
        await using var fresh = await postgres.CreateEmpty();
        var running = Enumerable.Range(0, 3)
            .Select(_ => FreePort.Find().ToString(CultureInfo.InvariantCulture))
            .Select(port => CarawayProcess.Start(Environment(fresh.Address, ("PORT", port)), "serve"))
            .ToList();
        try
        {
            foreach (var process in running)
                await process.Says("Stop with Ctrl-C");

            var maker = Assert.Single(
                running, process => process.Output.Contains("Made for you at this first start", StringComparison.Ordinal));
            Assert.Contains("admin@caraway.localhost   password ", maker.Output, StringComparison.Ordinal);
            Assert.Equal(1, await fresh.Scalar<long>("select count(*) from identity.users"));
            Assert.Equal(1, await fresh.Scalar<long>("select count(*) from identity.signing_keys"));
        }
        finally
        {
            running.ForEach(process => process.Dispose());
        }
    }

    [Fact]
    public async Task Production_on_a_server_needs_a_master_key()
    {
        var environment = Environment(
            caraway.Database.Address, ("ENVIRONMENT", "production"), ("API_KEY", "k"), ("CARAWAY_MASTER_KEY", ""));

        var (exitCode, output) = await CarawayProcess.Run(environment, "serve");

        Assert.Equal(2, exitCode);
        Assert.Contains("CARAWAY_MASTER_KEY", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GATEWAY_TRUSTED_NETWORKS", "everywhere")]
    [InlineData("TRUSTED_PROXIES", "10.0.0.0/99")]
    [InlineData("Identity__PasswordIterations", "5000")]
    public async Task A_setting_that_weakens_the_security_is_refused(string name, string value)
    {
        var environment = Environment(caraway.Database.Address, ("ENVIRONMENT", "production"), ("API_KEY", "k"), (name, value));

        var (exitCode, output) = await CarawayProcess.Run(environment, "serve");

        Assert.Equal(2, exitCode);
        Assert.Contains(name.Split("__")[^1], output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Delete(recursive: true);

    private Task<(int ExitCode, string Output)> Run(params string[] arguments) =>
        CarawayProcess.Run(Environment(caraway.Database.Address), arguments);

    private Task<(int ExitCode, string Output)> RunWith(string input, params string[] arguments) =>
        CarawayProcess.RunWith(input, Environment(caraway.Database.Address), arguments);

    private Dictionary<string, string> Environment(string address, params (string Name, string Value)[] more)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["CARAWAY_HOME"] = folder.FullName,
            ["ENVIRONMENT"] = "development",
            ["DATABASE_URL"] = address,
            ["CARAWAY_MASTER_KEY"] = CarawayFixture.Master,
            ["PORT"] = FreePort.Find().ToString(CultureInfo.InvariantCulture),
        };
        foreach (var (name, value) in more)
            environment[name] = value;
        return environment;
    }
}
