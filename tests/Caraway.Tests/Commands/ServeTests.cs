using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Commands;

/// <summary><c>caraway serve</c> as a process, with an embedded database in a folder of its own.</summary>
[Collection(Alone.Name)]
public sealed class ServeTests : IDisposable
{
    private readonly DirectoryInfo folder = TemporaryFolder.Create();
    private readonly int port = FreePort.Find();

    [Fact]
    public async Task Serve_stops_on_a_signal_and_stops_its_database()
    {
        using var serve = CarawayProcess.Start(Development(), "serve");
        await serve.Says("is ready on");
        Assert.Contains("API key", serve.Output, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await Health());

        var watch = Stopwatch.StartNew();
        serve.Terminate();
        Assert.Equal(0, await serve.Exit());
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 3);
        Assert.False(File.Exists(PostmasterPid), "The database runs on.");

        using var again = CarawayProcess.Start(Development(), "serve");
        await again.Says("is ready on");
        again.Interrupt();
        Assert.Equal(0, await again.Exit());
    }

    [Fact]
    public async Task A_database_that_is_killed_is_started_again()
    {
        using var serve = CarawayProcess.Start(Development(), "serve");
        await serve.Says("is ready on");
        using var client = Client();
        using var content = new StringContent("""{"full_name":"Ada","narrative":"Denied."}""", Encoding.UTF8, "application/json");
        using var intake = await client.PostAsync("/intakes", content);
        Assert.Equal(HttpStatusCode.Created, intake.StatusCode);

        SignalDatabase("-KILL", File.ReadLines(PostmasterPid).First());

        await serve.Says("It was started again.");
        await Ready(HttpStatusCode.OK, TimeSpan.FromSeconds(30));
        Assert.Contains("Ada", await client.GetStringAsync("/cases"), StringComparison.Ordinal);
        serve.Terminate();
        Assert.Equal(0, await serve.Exit());
    }

    [Fact]
    public async Task A_database_that_is_stopped_is_reported_within_seconds()
    {
        using var serve = CarawayProcess.Start(Development(), "serve");
        await serve.Says("is ready on");
        Assert.Equal(HttpStatusCode.OK, await Health());
        var postmaster = File.ReadLines(PostmasterPid).First();
        string[] all = [postmaster, .. File.ReadAllText($"/proc/{postmaster}/task/{postmaster}/children").Split(' ').SkipLast(1)];
        SignalDatabase("-STOP", all);
        try
        {
            var watch = Stopwatch.StartNew();
            Assert.Equal(HttpStatusCode.ServiceUnavailable, await Health());
            Assert.InRange(watch.Elapsed.TotalSeconds, 1, 5);
        }
        finally
        {
            SignalDatabase("-CONT", all);
        }

        await Ready(HttpStatusCode.OK, TimeSpan.FromSeconds(30));
    }

    private static void SignalDatabase(string signal, params string[] processes)
    {
        using var kill = Process.Start("kill", [signal, .. processes]);
        kill.WaitForExit();
    }

    private async Task Ready(HttpStatusCode expected, TimeSpan patience)
    {
        var watch = Stopwatch.StartNew();
        while (await Health() != expected)
        {
            Assert.True(watch.Elapsed < patience, $"/health does not answer {expected}.");
            await Task.Delay(100);
        }
    }

    [Fact]
    public async Task A_second_serve_on_the_same_folder_is_refused()
    {
        using var serve = CarawayProcess.Start(Development(), "serve");
        await serve.Says("is ready on");

        var (exitCode, output) = await CarawayProcess.Run(Development(), "serve");

        Assert.Equal(5, exitCode);
        Assert.Contains("already serving", output, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await Health());
    }

    [Fact]
    public async Task A_start_after_a_kill_finds_every_acknowledged_change()
    {
        using var serve = CarawayProcess.Start(Development(), "serve");
        await serve.Says("is ready on");
        using var client = Client();
        using var content = new StringContent("""{"full_name":"Ada","narrative":"Denied."}""", Encoding.UTF8, "application/json");
        using var intake = await client.PostAsync("/intakes", content);
        Assert.Equal(HttpStatusCode.Created, intake.StatusCode);
        serve.Kill();
        await serve.Exit();
        var postmaster = File.ReadLines(PostmasterPid).First();

        using var again = CarawayProcess.Start(Development(), "serve");
        await again.Says("is ready on");

        Assert.Equal(postmaster, File.ReadLines(PostmasterPid).First());
        Assert.Contains("Ada", await client.GetStringAsync("/cases"), StringComparison.Ordinal);
        again.Terminate();
        Assert.Equal(0, await again.Exit());
        Assert.False(File.Exists(PostmasterPid), "The database runs on.");
    }

    [Fact]
    public async Task A_command_during_serve_uses_its_database_and_leaves_it_running()
    {
        using var serve = CarawayProcess.Start(Development(), "serve");
        await serve.Says("is ready on");

        var (exitCode, output) = await CarawayProcess.Run(Development(), "migrate", "status");

        Assert.Equal(0, exitCode);
        Assert.Contains("0002_advocacy", output, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await Health());
    }

    [Fact]
    public async Task A_data_folder_of_another_version_is_refused_by_name()
    {
        Directory.CreateDirectory(Path.Combine(folder.FullName, ".caraway", "pg"));
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, ".caraway", "pg", "PG_VERSION"), "9\n");

        var (exitCode, output) = await CarawayProcess.Run(Development(), "serve");

        Assert.Equal(4, exitCode);
        Assert.Contains("was made by PostgreSQL 9", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_is_not_a_data_folder_is_left_unchanged()
    {
        var data = Directory.CreateDirectory(Path.Combine(folder.FullName, ".caraway", "pg"));
        await File.WriteAllTextAsync(Path.Combine(data.FullName, "thesis.txt"), "mine");

        var (exitCode, output) = await CarawayProcess.Run(Development(), "serve");

        Assert.Equal(4, exitCode);
        Assert.Contains("not empty", output, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(data.FullName, "thesis.txt")));
    }

    [Fact]
    public async Task A_database_in_a_file_gets_a_warning_that_names_the_embedded_one()
    {
        using var serve = CarawayProcess.Start(Development(("DB_NAME", ":memory:"), ("DATABSE_URL", "postgresql://h/d")), "serve");
        await serve.Says("Stop with Ctrl-C");

        Assert.Contains($"It is in {Path.Combine(folder.FullName, ".caraway", "pg")}.", serve.Output, StringComparison.Ordinal);
        Assert.Contains("DATABSE_URL is not a setting of Caraway. Did you mean DATABASE_URL?", serve.Output, StringComparison.Ordinal);
        serve.Terminate();
        Assert.Equal(0, await serve.Exit());
    }

    [Fact]
    public async Task A_first_start_on_a_taken_port_leaves_the_administrator_to_the_next_start()
    {
        using (var other = new TcpListener(IPAddress.Loopback, port))
        {
            other.Start();
            var (exitCode, output) = await CarawayProcess.Run(Development(), "serve");

            Assert.Equal(5, exitCode);
            Assert.DoesNotContain("password", output, StringComparison.Ordinal);
            Assert.False(Directory.Exists(Path.Combine(folder.FullName, ".caraway", "pg")), "The database was made.");
        }

        using var serve = CarawayProcess.Start(Development(), "serve");
        await serve.Says("Stop with Ctrl-C");

        Assert.Contains("Administrator   admin@caraway.localhost   password ", serve.Output, StringComparison.Ordinal);
        serve.Terminate();
        Assert.Equal(0, await serve.Exit());
    }

    [Fact]
    public async Task A_taken_port_is_refused_by_number()
    {
        using var other = new TcpListener(IPAddress.Loopback, port);
        other.Start();

        var (exitCode, output) = await CarawayProcess.Run(Development(), "serve");

        Assert.Equal(5, exitCode);
        Assert.Contains(port.ToString(CultureInfo.InvariantCulture), output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
        Assert.False(File.Exists(PostmasterPid), "The database runs on.");
    }

    [Fact]
    public async Task Production_without_a_key_refuses_to_start()
    {
        var (exitCode, output) = await CarawayProcess.Run(Development(("ENVIRONMENT", "production")), "serve");

        Assert.Equal(2, exitCode);
        Assert.Contains("API_KEY", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Production_does_not_migrate_by_itself()
    {
        var production = Development(("ENVIRONMENT", "production"), ("API_KEY", "k"));

        var (exitCode, output) = await CarawayProcess.Run(production, "serve");
        Assert.Equal(4, exitCode);
        Assert.Contains("migrate up", output, StringComparison.Ordinal);

        Assert.Equal(0, (await CarawayProcess.Run(production, "migrate", "up")).ExitCode);
        using var serve = CarawayProcess.Start(production, "serve");
        for (var tries = 0; !serve.HasExited && await Health() != HttpStatusCode.OK; tries++)
        {
            Assert.InRange(tries, 0, 200);
            await Task.Delay(50);
        }

        Assert.False(serve.HasExited, serve.Output);
        serve.Terminate();
        Assert.Equal(0, await serve.Exit());
    }

    [Theory]
    [InlineData("DATABASE_URL", "postgresql://nobody:x@127.0.0.1:1/none", 4)]
    [InlineData("DATABASE_URL", "sqlite:///cases.db", 2)]
    [InlineData("Jobs__LeaseSeconds", "soon", 2)]
    [InlineData("RATE_LIMIT_PER_MINUTE", "many", 2)]
    [InlineData("Care__ReminderMinutes", "x", 2)]
    [InlineData("METRICS_NEED_KEY", "perhaps", 2)]
    [InlineData("DATABASE_URL", "nonsense", 2)]
    [InlineData("PORT", "eighty", 2)]
    [InlineData("PORT", "70000", 2)]
    [InlineData("LOG_LEVEL", "loud", 2)]
    [InlineData("CORS_ORIGINS", "[not json", 2)]
    [InlineData("API_KEY", "schlüssel", 2)]
    [InlineData("CARAWAY_MASTER_KEY", "short", 2)]
    [InlineData("CARAWAY_POSTGRES_BIN", "/nowhere", 2)]
    public async Task A_wrong_setting_is_refused_with_a_sentence(string name, string value, int exitCode)
    {
        var run = await CarawayProcess.Run(Development((name, value)), "serve");

        Assert.Equal(exitCode, run.ExitCode);
        Assert.NotEqual("", run.Output.Trim());
        Assert.DoesNotContain("   at ", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", run.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(PostmasterPid), "The database runs on.");
    }

    [Fact]
    public async Task A_wrong_command_line_ends_with_exit_code_2() =>
        Assert.Equal(2, (await CarawayProcess.Run(Development(), "serv")).ExitCode);

    public void Dispose()
    {
        // A failed test may leave its database running. The last user of the folder stops it.
        if (File.Exists(PostmasterPid))
            CarawayProcess.Run(Development(), "migrate", "status").GetAwaiter().GetResult();
        folder.Delete(recursive: true);
    }

    private string PostmasterPid => Path.Combine(folder.FullName, ".caraway", "pg", "postmaster.pid");

    private Dictionary<string, string> Development(params (string Name, string Value)[] more)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["CARAWAY_HOME"] = folder.FullName,
            ["CARAWAY_DEFAULT_ENVIRONMENT"] = "development",
            ["PORT"] = port.ToString(CultureInfo.InvariantCulture),
        };
        foreach (var (name, value) in more)
            environment[name] = value;
        return environment;
    }

    private HttpClient Client()
    {
        var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        client.DefaultRequestHeaders.Add("X-API-Key", File.ReadAllText(Path.Combine(folder.FullName, ".caraway", "api-key")));
        return client;
    }

    private async Task<HttpStatusCode?> Health()
    {
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        try
        {
            using var answer = await client.GetAsync("/health");
            return answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
