using System.Diagnostics;
using System.Globalization;

namespace Caraway.Bench;

/// <summary>Product and limit on one database, loaded in turn; each alternates with the other, and which goes first alternates too.</summary>
internal sealed class HttpBench(BenchDatabase database, HttpBench.Plan plan)
{
    internal const string ApiKey = "bench-key-0123456789";
    internal const string Master = "a master key for the bench, which keeps nothing secret";
    private const int WarmUpSeconds = 10;
    private const int CasesOfARun = 30_000;

    private static readonly Operation[] Operations =
    [
        new("POST /intakes", "post_intake"),
        new("GET /cases/{id}", "get_case"),
        new("GET /cases?status=&cursor=", "list_cases"),
        new("PATCH /cases/{id}", "patch_status"),
    ];

    private int stretch;
    private string header = $"X-API-Key: {ApiKey}";

    internal sealed record Plan
    {
        public required int Runs { get; init; }

        public required int Seconds { get; init; }

        /// <summary>The script of the one operation to measure; null for all.</summary>
        public string? Only { get; init; }

        /// <summary>Whether a signed-in caseworker calls, and not the environment's key.</summary>
        public bool AsUser { get; init; }
    }

    public int Cases => CasesOfARun * (2 * plan.Runs + 2);

    public async Task<HttpFigures> Run(CancellationToken cancel)
    {
        using var limit = await ServerProcess.Start("limit", 8171, "/cases/1", Limit(), cancel);
        using var product = await ServerProcess.Start("product", 8172, "/health", Product(database, 8172), cancel);
        if (plan.AsUser)
            header = await SignIn(cancel);
        var started = product.ResidentMegabytes();
        var rows = new List<HttpFigure>();
        foreach (var operation in Operations.Where(operation => plan.Only is null || operation.Script == plan.Only))
        {
            await Load(limit, operation, WarmUpSeconds, cancel);
            await Load(product, operation, WarmUpSeconds, cancel);
            var (ofLimit, ofProduct) = (new List<Measurement>(), new List<Measurement>());
            for (var run = 0; run < plan.Runs; run++)
            {
                ServerProcess[] order = run % 2 == 0 ? [limit, product] : [product, limit];
                foreach (var server in order)
                    (server == limit ? ofLimit : ofProduct).Add(await Load(server, operation, plan.Seconds, cancel));
            }

            var figure = new HttpFigure(operation.Name, MedianOf(ofLimit), MedianOf(ofProduct));
            rows.Add(figure);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{operation.Name}: {figure.Ratio:0.00} of the limit"));
        }

        return new HttpFigures(rows, started, product.ResidentMegabytes());
    }

    private Task<Measurement> Load(ServerProcess server, Operation operation, int seconds, CancellationToken cancel)
    {
        var first = 1 + CasesOfARun * (operation.Script == "patch_status" ? stretch++ : 0);
        return Wrk.Load(
            server, operation, seconds,
            [$"header={header}", string.Create(CultureInfo.InvariantCulture, $"cases={Cases}"), string.Create(CultureInfo.InvariantCulture, $"first={first}"), string.Create(CultureInfo.InvariantCulture, $"count={CasesOfARun}")],
            cancel);
    }

    private ProcessStartInfo Limit() => new(Environment.ProcessPath!, [typeof(HttpBench).Assembly.Location, "limit", "--port", "8171"]) { Environment = { ["DATABASE_URL"] = database.Address } };

    private async Task<string> SignIn(CancellationToken cancel)
    {
        using var client = new HttpClient { BaseAddress = new Uri("http://127.0.0.1:8172") };
        var account = await Account.Create(client, database, "caseworker", cancel);
        return "Authorization: Bearer " + (await account.SignIn(client, cancel)).GetProperty("access_token").GetString();
    }

    internal static ProcessStartInfo Product(BenchDatabase database, int port) => new(Environment.ProcessPath!, [typeof(CarawayApplication).Assembly.Location, "serve"])
    {
        Environment = { ["DATABASE_URL"] = database.Address, ["PORT"] = port.ToString(CultureInfo.InvariantCulture), ["API_KEY"] = ApiKey, ["ENVIRONMENT"] = "production",
            // Counted as ever, with more room than one machine can use.
            ["CARAWAY_MASTER_KEY"] = Master, ["RATE_LIMIT_PER_MINUTE"] = "1000000000", ["ANONYMOUS_RATE_LIMIT_PER_MINUTE"] = "1000000000",
        },
    };

    private static Measurement MedianOf(List<Measurement> runs) => new(
        Median.Of(runs.Select(run => run.RequestsPerSecond)), Median.Of(runs.Select(run => run.P50Milliseconds)),
        Median.Of(runs.Select(run => run.P99Milliseconds)), Median.Of(runs.Select(run => run.CpuMicrosecondsPerRequest)),
        Median.Of(runs.Select(run => run.DatabaseCpuMicrosecondsPerRequest)));
}

/// <summary>An operation's medians.</summary>
internal sealed record HttpFigure(string Operation, Measurement Limit, Measurement Product)
{
    public double Ratio => Product.RequestsPerSecond / Limit.RequestsPerSecond;

    public double TailRatio => Product.P99Milliseconds / Limit.P99Milliseconds;
}

/// <param name="ResidentAtStart">MB, before the first request.</param>
/// <param name="ResidentAfter">MB, after the last.</param>
internal sealed record HttpFigures(IReadOnlyList<HttpFigure> Operations, double ResidentAtStart, double ResidentAfter);
