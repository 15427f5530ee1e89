using System.Diagnostics;
using System.Globalization;
using Caraway.Identity.SignIns;

namespace Caraway.Bench;

/// <summary>
/// Loads the product and the limit in turn, on one database. The one that goes first alternates. Reads are also compared with a second
/// limit, which writes no access records.
/// </summary>
internal sealed class HttpBench(BenchDatabase database, HttpBench.Plan plan)
{
    internal const string Unrecorded = "--without-access-log";
    internal const string ApiKey = "bench-key-0123456789";
    internal const string Master = "a master key for the bench, which keeps nothing secret";
    private const int WarmUpSeconds = 10;
    private const int CasesOfARun = 30_000;

    private static readonly Operation[] Operations =
    [
        new("POST /intakes", "post_intake"),
        new("GET /cases/{id}", "get_case") { IsRecorded = true },
        new("GET /cases?status=&cursor=", "list_cases") { IsRecorded = true },
        new("PATCH /cases/{id}", "patch_status"),
    ];

    private int stretch;
    private string header = $"X-API-Key: {ApiKey}";

    internal sealed record Plan
    {
        public required int Runs { get; init; }

        public required int Seconds { get; init; }

        /// <summary>The script of the only operation to measure; null measures all.</summary>
        public string? Only { get; init; }

        /// <summary>Whether the caller is a signed-in caseworker instead of the environment's key.</summary>
        public bool AsUser { get; init; }
    }

    public int Cases => CasesOfARun * (2 * plan.Runs + 2);

    public async Task<HttpFigures> Run(CancellationToken cancel)
    {
        using var limit = await ServerProcess.Start("limit", 8171, "/cases/1", Limit("--port", "8171"), cancel);
        using var unrecorded = await ServerProcess.Start(
            "limit without the access log", 8173, "/cases/1", Limit("--port", "8173", Unrecorded), cancel);
        using var product = await ServerProcess.Start("product", 8172, "/health", Product(database, 8172), cancel);
        if (plan.AsUser)
            header = await SignIn(cancel);
        var started = product.ResidentMegabytes();
        var rows = new List<HttpFigure>();
        foreach (var operation in Operations.Where(operation => plan.Only is null || operation.Script == plan.Only))
        {
            ServerProcess[] servers = operation.IsRecorded ? [limit, product, unrecorded] : [limit, product];
            foreach (var server in servers)
                await Load(server, operation, WarmUpSeconds, cancel);
            var measured = servers.ToDictionary(server => server, _ => new List<Measurement>());
            for (var run = 0; run < plan.Runs; run++)
            {
                foreach (var server in run % 2 == 0 ? servers : servers.Reverse())
                    measured[server].Add(await Load(server, operation, plan.Seconds, cancel));
            }

            var figure = new HttpFigure(
                operation.Name, MedianOf(measured[limit]), MedianOf(measured[product]),
                operation.IsRecorded ? MedianOf(measured[unrecorded]) : null);
            rows.Add(figure);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{operation.Name}: {figure.Ratio:0.00} of the limit"));
        }

        return new HttpFigures(rows, started, product.ResidentMegabytes());
    }

    private async Task<Measurement> Load(ServerProcess server, Operation operation, int seconds, CancellationToken cancel)
    {
        await database.CatchUp(cancel);
        var first = 1 + CasesOfARun * (operation.Script == "patch_status" ? stretch++ : 0);
        FormattableString[] arguments = [$"header={header}", $"cases={Cases}", $"first={first}", $"count={CasesOfARun}"];
        return await Wrk.Load(server, operation, seconds, arguments.Select(FormattableString.Invariant), cancel);
    }

    private ProcessStartInfo Limit(params string[] options) =>
        new(Environment.ProcessPath!, [typeof(HttpBench).Assembly.Location, "limit", .. options])
        {
            Environment = { ["DATABASE_URL"] = database.Address },
        };

    private async Task<string> SignIn(CancellationToken cancel)
    {
        using var client = new HttpClient { BaseAddress = new Uri("http://127.0.0.1:8172") };
        var account = await Account.Create(client, database, "caseworker", cancel);
        return "Authorization: Bearer " + (await account.SignIn(client, cancel)).GetProperty("access_token").GetString();
    }

    internal static ProcessStartInfo Product(BenchDatabase database, int port) =>
        new(Environment.ProcessPath!, [typeof(CarawayApplication).Assembly.Location, "serve"])
        {
            Environment =
            {
                ["DATABASE_URL"] = database.Address,
                ["PORT"] = port.ToString(CultureInfo.InvariantCulture),
                ["API_KEY"] = ApiKey,
                ["ENVIRONMENT"] = "production",
                ["CARAWAY_MASTER_KEY"] = Master,
                // Requests are still counted; one machine cannot reach these limits.
                ["RATE_LIMIT_PER_MINUTE"] = "1000000000",
                ["ANONYMOUS_RATE_LIMIT_PER_MINUTE"] = "1000000000",
            },
        };

    private static Measurement MedianOf(List<Measurement> runs) => new(
        Median.Calculate(runs.Select(run => run.RequestsPerSecond)), Median.Calculate(runs.Select(run => run.P50Milliseconds)),
        Median.Calculate(runs.Select(run => run.P99Milliseconds)), Median.Calculate(runs.Select(run => run.CpuMicrosecondsPerRequest)),
        Median.Calculate(runs.Select(run => run.DatabaseCpuMicrosecondsPerRequest)));
}

/// <summary>The medians of an operation.</summary>
/// <param name="Unrecorded">The limit without access records; null for an operation that records nothing.</param>
internal sealed record HttpFigure(string Operation, Measurement Limit, Measurement Product, Measurement? Unrecorded)
{
    public double Ratio => Product.RequestsPerSecond / Limit.RequestsPerSecond;

    public double TailRatio => Product.P99Milliseconds / Limit.P99Milliseconds;
}

/// <summary>The medians of all operations, and the product's memory.</summary>
/// <param name="ResidentAtStart">Resident memory before the first request, in MB.</param>
/// <param name="ResidentAfter">Resident memory after the last request, in MB.</param>
internal sealed record HttpFigures(IReadOnlyList<HttpFigure> Operations, double ResidentAtStart, double ResidentAfter);
