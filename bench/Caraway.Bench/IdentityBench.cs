using Caraway.Identity.Contracts;
using Caraway.Platform.Hosting;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using Caraway.Identity;
using Caraway.Identity.SignIns;
using Caraway.Identity.Tokens;
using Caraway.Platform.Security;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Caraway.Bench;

/// <summary>The cost of a sign-in, of a refresh, and of a token check: the first one and the next ones.</summary>
internal sealed class IdentityBench(BenchDatabase database)
{
    /// <summary>Fewer than the concurrent sign-ins that one account may have from one address.</summary>
    private const int Callers = 8;
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(5);

    public async Task<IdentityFigures> Run(CancellationToken cancel)
    {
        using var product = await ServerProcess.Start("product", 8173, "/health", HttpBench.Product(database, 8173), cancel);
        using var client = new HttpClient { BaseAddress = new Uri("http://127.0.0.1:8173") };
        var account = await Account.Create(client, database, "patient", cancel);
        var signIns = await Load(product, () => account.SignIn(client, cancel), cancel);
        var refresh = (await account.SignIn(client, cancel)).GetProperty("refresh_token").GetString()!;
        var refreshes = await Load(product, () => Post(client, "/api/v1/refresh", $$"""{"refresh_token":"{{refresh}}"}""", cancel), cancel);
        var (first, remembered) = await TokenChecks(cancel);
        return new IdentityFigures(signIns, refreshes, first, remembered);
    }

    internal static async Task<JsonElement> Post(HttpClient client, string path, string json, CancellationToken cancel)
    {
        using var content = new StringContent(json, System.Text.Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync(new Uri(path, UriKind.Relative), content, cancel);
        answer.EnsureSuccessStatusCode();
        using var document = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(cancel));
        return document.RootElement.Clone();
    }

    private static async Task<Cost> Load(ServerProcess server, Func<Task> once, CancellationToken cancel)
    {
        await Repeat(once, TimeSpan.FromSeconds(2), cancel);
        var cpu = server.CpuSeconds();
        var clock = Stopwatch.StartNew();
        var done = await Repeat(once, Length, cancel);
        return new Cost(done / clock.Elapsed.TotalSeconds, (server.CpuSeconds() - cpu) * 1e6 / done);
    }

    private static async Task<int> Repeat(Func<Task> once, TimeSpan length, CancellationToken cancel)
    {
        var clock = Stopwatch.StartNew();
        var counts = await Task.WhenAll(Enumerable.Range(0, Callers).Select(async _ =>
        {
            var done = 0;
            for (; clock.Elapsed < length && !cancel.IsCancellationRequested; done++)
                await once();
            return done;
        }));
        return counts.Sum();
    }

    /// <summary>The medians of five rounds on one thread, in µs.</summary>
    private async Task<(double First, double Remembered)> TokenChecks(CancellationToken cancel)
    {
        const int Tokens = 2000;
        var options = Options.Create(new IdentityOptions());
        var master = MasterKey.Read(HttpBench.Master, new PrivateFolder(Path.GetTempPath()));
        using var keys = new SigningKeys(database.Source, master, options, TimeProvider.System, NullLogger<SigningKeys>.Instance);
        var (first, remembered) = (new List<double>(), new List<double>());
        for (var round = 0; round < 5; round++)
        {
            using var tokens = new AccessTokens(keys, options, TimeProvider.System);
            var texts = new List<string>();
            for (var n = 0; n < Tokens; n++)
            {
                var expires = TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(30);
                var grant = new AccessTokens.Grant(n + 1, Roles.Caseworker, new Guid(n, 0, 0, new byte[8]), expires);
                texts.Add(await tokens.Issue(grant, cancel));
            }

            first.Add(await Check(tokens, texts, cancel));
            remembered.Add(await Check(tokens, texts, cancel));
        }

        return (Median.Calculate(first), Median.Calculate(remembered));
    }

    private static async Task<double> Check(AccessTokens tokens, List<string> texts, CancellationToken cancel)
    {
        var clock = Stopwatch.StartNew();
        foreach (var text in texts)
        {
            if (await tokens.Verify(text, cancel) is null)
                throw new InvalidOperationException("A valid token was refused; the figure would be wrong.");
        }

        return clock.Elapsed.TotalMicroseconds / texts.Count;
    }
}

/// <summary>A user for the bench.</summary>
internal sealed record Account(string Email)
{
    private const string Password = "a password for the bench";

    public static async Task<Account> Create(HttpClient client, BenchDatabase database, string role, CancellationToken cancel)
    {
        var email = $"{role}.{Environment.ProcessId}@bench.example";
        var user = $$"""{"email":"{{email}}","full_name":"Bench","password":"{{Password}}"}""";
        await IdentityBench.Post(client, "/api/v1/users", user, cancel);
        await database.Execute($"update identity.users set role = '{role}' where email = '{email}'", cancel);
        return new Account(email);
    }

    public Task<JsonElement> SignIn(HttpClient client, CancellationToken cancel) =>
        IdentityBench.Post(client, "/api/v1/login", $$"""{"username":"{{Email}}","password":"{{Password}}"}""", cancel);
}

/// <summary>The rate of an operation, and the server's CPU time for one.</summary>
internal sealed record Cost(double PerSecond, double CpuMicroseconds);

/// <summary>All costs.</summary>
/// <param name="TokenFirst">The first check of a token, which verifies its signature, in µs.</param>
/// <param name="TokenRemembered">A later check of the same token, in µs.</param>
internal sealed record IdentityFigures(Cost SignIns, Cost Refreshes, double TokenFirst, double TokenRemembered);
