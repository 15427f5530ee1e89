using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Caraway.Identity.SignIns;
using Caraway.Platform.Hosting;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Commands;

/// <summary><c>caraway admin</c>, <c>caraway apikey</c> and the first start, as processes of their own beside a server on the same database.</summary>
[Collection(Alone.Name)]
public sealed class CredentialCommandTests(CarawayFixture caraway, PostgresServer postgres) : IClassFixture<CarawayFixture>, IDisposable
{
    private readonly DirectoryInfo home = TemporaryFolder.Create();

    [Fact]
    public async Task An_administrator_is_made_and_signs_in()
    {
        var email = Accounts.NewEmail();
        var (exitCode, output) = await CarawayProcess.RunWith("a password from a pipe\n", Environment(caraway.Database.Address), "admin", "create", "--email", email, "--full-name", "Ada Admin");

        Assert.Equal(0, exitCode);
        var id = long.Parse(output.Trim(), CultureInfo.InvariantCulture);
        var signedIn = Accounts.Read(id, email, await caraway.SignIn(email, "a password from a pipe"));
        Assert.Equal(200, (await caraway.As(signedIn, HttpMethod.Get, "/api/v1/users")).Status);
        Assert.StartsWith("user.registered by command", await caraway.Events(id), StringComparison.Ordinal);

        Assert.Equal(2, (await CarawayProcess.RunWith("another password\n", Environment(caraway.Database.Address), "admin", "create", "--email", email.ToUpperInvariant(), "--full-name", "Ada Again")).ExitCode);
    }

    [Theory]
    [InlineData("short\n", "x@example.org", "8 to 128")]
    [InlineData("", "x@example.org", "8 to 128")]
    [InlineData("password1\n", "x@example.org", "most common")]
    [InlineData("nul\0in a password\n", "x@example.org", "U+0000")]
    [InlineData("a good long phrase\n", "nobody", "--email")]
    public async Task What_an_administrator_cannot_have_is_said(string input, string email, string sentence)
    {
        var (exitCode, output) = await CarawayProcess.RunWith(input, Environment(caraway.Database.Address), "admin", "create", "--email", email, "--full-name", "Ada");

        Assert.Equal(2, exitCode);
        Assert.Contains(sentence, output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reset_password_ends_the_sign_ins_and_is_an_event()
    {
        var person = await caraway.Person();

        var (exitCode, output) = await CarawayProcess.RunWith(
            "a password from a pipe\n", Environment(caraway.Database.Address), "admin", "reset-password", person.Email.ToUpperInvariant());

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
        var (exitCode, output) = await CarawayProcess.RunWith(input, Environment(caraway.Database.Address), "admin", "reset-password", email);

        Assert.Equal(2, exitCode);
        Assert.Contains(sentence, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Empty_lists_say_that_they_are_empty()
    {
        await using var fresh = await postgres.Create();

        Assert.Equal("There are no API keys.", (await CarawayProcess.Run(Environment(fresh.Address), "apikey", "list")).Output.Trim());
        Assert.Equal("There are no jobs.", (await CarawayProcess.Run(Environment(fresh.Address), "jobs", "list")).Output.Trim());
        Assert.StartsWith("There are no event handlers yet.", (await CarawayProcess.Run(Environment(fresh.Address), "events", "list")).Output, StringComparison.Ordinal);
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
    public async Task A_key_is_printed_alone_listed_by_its_beginning_and_revoked()
    {
        var (created, output) = await CarawayProcess.Run(Environment(caraway.Database.Address), "apikey", "create", "--name", "billing", "--scope", "advocacy:read", "--scope", "metrics:read", "--expires", "2099-01-31");
        var key = output.Trim();
        Assert.Equal((0, 47), (created, key.Length));
        Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Get, "/cases", null, ("X-API-Key", key))).Status);

        var (_, list) = await CarawayProcess.Run(Environment(caraway.Database.Address), "apikey", "list");
        Assert.Contains($"{key[..12]}…  good to 2099-02-01", list, StringComparison.Ordinal);
        Assert.Contains("advocacy:read metrics:read  (billing)", list, StringComparison.Ordinal);
        Assert.DoesNotContain(key[12..], list, StringComparison.Ordinal);

        Assert.Equal(0, (await CarawayProcess.Run(Environment(caraway.Database.Address), "apikey", "revoke", key[..12])).ExitCode);
        await Task.Delay(1100);
        (await caraway.Anonymously(HttpMethod.Get, "/cases", null, ("X-API-Key", key))).IsProblem(401, "api_key_required");
        Assert.Equal(2, (await CarawayProcess.Run(Environment(caraway.Database.Address), "apikey", "revoke", key[..12])).ExitCode);
        Assert.Equal(2, (await CarawayProcess.Run(Environment(caraway.Database.Address), "apikey", "create", "--name", "x", "--scope", "everything")).ExitCode);
        Assert.Equal(2, (await CarawayProcess.Run(Environment(caraway.Database.Address), "apikey", "create", "--name", "x", "--scope", "advocacy:read", "--expires", "2020-01-01")).ExitCode);
    }

    [Fact]
    public async Task Of_three_first_starts_at_once_one_makes_the_administrator_and_all_serve()
    {
        await using var fresh = await postgres.CreateEmpty();
        var running = Enumerable.Range(0, 3).Select(_ => CarawayProcess.Start(new Dictionary<string, string>(Environment(fresh.Address), StringComparer.Ordinal) { ["PORT"] = FreePort().ToString(CultureInfo.InvariantCulture) }, "serve")).ToList();
        try
        {
            foreach (var process in running)
                await process.Says("Stop with Ctrl-C");

            var maker = Assert.Single(running, process => process.Output.Contains("Made for you at this first start", StringComparison.Ordinal));
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
        var environment = new Dictionary<string, string>(Environment(caraway.Database.Address), StringComparer.Ordinal) { ["ENVIRONMENT"] = "production", ["API_KEY"] = "k", ["CARAWAY_MASTER_KEY"] = "" };

        var (exitCode, output) = await CarawayProcess.Run(environment, "serve");

        Assert.Equal(2, exitCode);
        Assert.Contains("CARAWAY_MASTER_KEY", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GATEWAY_TRUSTED_NETWORKS", "everywhere")]
    [InlineData("TRUSTED_PROXIES", "10.0.0.0/99")]
    [InlineData("Identity__PasswordIterations", "5000")]
    public async Task A_setting_that_would_weaken_it_is_refused(string name, string value)
    {
        var environment = new Dictionary<string, string>(Environment(caraway.Database.Address), StringComparer.Ordinal) { ["ENVIRONMENT"] = "production", ["API_KEY"] = "k", [name] = value };

        var (exitCode, output) = await CarawayProcess.Run(environment, "serve");

        Assert.Equal(2, exitCode);
        Assert.Contains(name.Split("__")[^1], output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    public void Dispose() => home.Delete(recursive: true);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private Dictionary<string, string> Environment(string address) => new(StringComparer.Ordinal)
    {
        ["CARAWAY_HOME"] = home.FullName, ["ENVIRONMENT"] = "development", ["DATABASE_URL"] = address, ["CARAWAY_MASTER_KEY"] = CarawayFixture.Master,
    };
}
