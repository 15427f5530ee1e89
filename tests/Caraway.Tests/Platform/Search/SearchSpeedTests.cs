using System.Diagnostics;
using System.Globalization;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Support;

namespace Caraway.Tests.Platform.Search;

/// <summary>
/// The time of searches over HTTP, one caller at a time, among a million rows of each kind and among ten thousand. docs/query-plans.md has
/// the figures. A machine that does other work makes them worse.
/// </summary>
[Collection(Alone.Name)]
[Trait("Category", "Long")]
public sealed class SearchSpeedTests(PostgresServer postgres, ITestOutputHelper output)
{
    private const int Large = 1_000_000;

    private const int Small = 10_000;

    private const int Rounds = 60;

    private const int AppointmentShare = 5;

    /// <summary>The longest time of 95 % of the searches, in milliseconds.</summary>
    private const double MostMilliseconds = 100;

    /// <summary>Common words are in more than a tenth of the texts; rare ones in twenty of each kind.</summary>
    private static readonly (string What, string[] Queries)[] Searches =
    [
        ("rare word", [SearchWorld.RareWord]),
        ("common word", ["denied", "plan", "ground", "necessity", "stops", "happened"]),
        ("two words", ["denied surgery", "pharmacy cancer", "orthopedic plan", "password request", "kidney surgery", "therapy spine"]),
        ("prefix", ["de", "pha", "sur", "th", "me", "rehab", "k", "pas"]),
        ("phrase", ["\"health plan\"", "\"medical necessity\"", "\"asks for the password\""]),
        ("fields", ["denied status:NEEDS_INFO", "password severity:critical", "denied before:2024-06-01", "kidney after:2026-10-30"]),
        ("name", ["maria", "john brown", "schimmer", "wilhelmina"]),
        ("misspelt name", ["wilhelmnia fetherstone", "Wilhelmina Faetherstone", "wilhelmima featherstome"]),
        ("nothing", ["xyzzyplugh", "quuxfrobnicate", "denied xyzzyplugh"]),
    ];

    private static readonly (string Name, string Path)[] Places =
    [
        ("everything", "/api/v1/search?q="), ("cases", "/cases?q="), ("support cases, cursor", "/api/v1/cases?cursor=&q="),
        ("users", "/api/v1/users?q="), ("everything, a patient", "/api/v1/search?q="), ("everything, a doctor", "/api/v1/search?q="),
        ("everything, a gateway's user", "/api/v1/search?q="),
    ];

    private sealed record Time(double Median, double P95, double P99);

    [Fact]
    public async Task A_search_takes_the_same_time_among_a_million_rows()
    {
        var small = await Measure(Small);
        var large = await Measure(Large);

        output.WriteLine("| place | search | p50, p95, p99 in ms at 10,000 rows | at 1,000,000 rows |");
        output.WriteLine("|---|---|---|---|");
        foreach (var ((place, what), time) in large)
            output.WriteLine($"| {place} | {what} | {Write(small[(place, what)])} | {Write(time)} |");
        Assert.All(large, one => Assert.True(one.Value.P95 < MostMilliseconds, $"{one.Key}: {Write(one.Value)}"));
    }

    private async Task<Dictionary<(string Place, string What), Time>> Measure(int rows)
    {
        await using var database = await postgres.Create();
        var watch = Stopwatch.StartNew();
        var world = new SearchWorld(database.Source);
        var first = await world.WriteUsers(rows);
        await world.WriteAppointments(rows / AppointmentShare, first, rows);
        await world.WriteCases(rows);
        await world.WriteSupportCases(rows);
        await world.Analyze();
        output.WriteLine($"{rows} rows of each kind were written in {watch.Elapsed.TotalSeconds:0} s.");
        await using var own = await OwnCaraway.Start(
            database.Address, ("RateLimits:AddressPerMinute", "0"), ("Identity:GatewaySecret", CarawayFixture.GatewaySecret));
        var callers = new Dictionary<string, (string, string)>
        {
            ["everything, a patient"] = await SignIn(own, database, "patient", first + 1),
            ["everything, a doctor"] = await SignIn(own, database, "doctor", first + 200),
            ["everything, a gateway's user"] = ("X-User-ID", SearchWorld.OwnerOf(7)["gateway:".Length..]),
        };
        var admin = await SignIn(own, database, "admin", first);
        var times = new Dictionary<(string, string), Time>();
        foreach (var (place, path) in Places)
        {
            var caller = callers.GetValueOrDefault(place, admin);
            foreach (var (what, queries) in Searches)
                times[(place, what)] = await MeasureOne(own, path, [.. queries.Where(q => Takes(place, q))], caller);
        }

        return times;
    }

    /// <summary>Lists refuse fields and statuses of other kinds.</summary>
    private static bool Takes(string place, string q) => place switch
    {
        "cases" => !q.Contains("severity:", StringComparison.Ordinal),
        "support cases, cursor" => !q.Contains("status:", StringComparison.Ordinal),
        _ => true,
    };

    private static async Task<Time> MeasureOne(OwnCaraway own, string path, string[] queries, (string, string) caller)
    {
        (string, string)[] headers = caller.Item1 == "X-User-ID" ? [caller, ("X-Gateway-Secret", CarawayFixture.GatewaySecret)] : [caller];
        var times = new List<double>();
        for (var round = 0; round < Rounds; round++)
        {
            var began = Stopwatch.GetTimestamp();
            var answer = await CarawayFixture.Send(
                own.Stranger, HttpMethod.Get, path + Uri.EscapeDataString(queries[round % queries.Length]), null, headers);
            var time = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
            Assert.True(answer.Status == 200, answer.Body);
            // The first of each query meets a cold cache, and statements that are not prepared yet.
            if (round >= 2 * queries.Length)
                times.Add(time);
        }

        times.Sort();
        double At(double share) => times[(int)Math.Min(times.Count - 1, Math.Ceiling(times.Count * share) - 1)];
        return new Time(At(0.5), At(0.95), At(0.99));
    }

    /// <summary>A user of the world who signs in has the password of all test users.</summary>
    private static async Task<(string, string)> SignIn(OwnCaraway own, TestDatabase database, string role, long user)
    {
        var email = Accounts.NewEmail();
        var registered = await CarawayFixture.Send(
            own.Stranger, HttpMethod.Post, "/api/v1/users",
            $$"""{"email":"{{email}}","full_name":"Pat Doe","password":"{{Accounts.Password}}"}""");
        Assert.Equal(201, registered.Status);
        var id = registered.Json.GetProperty("id").GetInt64();
        await database.Execute($"""
            update identity.users set role = '{role}', password_hash = (select password_hash from identity.users where id = {id})
            where id = {user}
            """);
        var address = await database.Scalar<string>($"select email from identity.users where id = {user}");
        var signedIn = await CarawayFixture.Send(
            own.Stranger, HttpMethod.Post, "/api/v1/login", $$"""{"username":"{{address}}","password":"{{Accounts.Password}}"}""");
        return ("Authorization", "Bearer " + signedIn.Json.GetProperty("access_token").GetString());
    }

    private static string Write(Time time) =>
        string.Create(CultureInfo.InvariantCulture, $"{time.Median:0.0}, {time.P95:0.0}, {time.P99:0.0}");
}
