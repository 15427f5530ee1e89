using System.Globalization;
using System.Text.Json;
using Caraway.Platform.Postgres;
using Dapper;

namespace Caraway.Tests.Infrastructure;

/// <summary>What PostgreSQL makes of the product's statements on large tables.</summary>
internal static class Plans
{
    /// <summary>8 KiB pages: what a list of 101 rows with a joined name may touch, thrice over.</summary>
    private const long MostPages = 1_500;

    /// <summary>Runs the statement as a prepared one and takes it back: it reads no table whole, starts no parallel workers, and touches few pages.</summary>
    public static async Task StaysBounded(TestDatabase database, string sql, object values, string name, ITestOutputHelper output)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        // What a connection that lives long uses: plans made without knowing the values.
        await connection.ExecuteAsync("set plan_cache_mode = force_generic_plan");
        await using var transaction = await connection.BeginTransactionAsync();
        var plan = await connection.QueryFirstAsync<string>(Statement.Of("explain (analyze, buffers, format json) " + sql, values, default).Command);
        await transaction.RollbackAsync();

        var root = JsonDocument.Parse(plan).RootElement[0];
        var pages = MostOf(root.GetProperty("Plan"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {pages:#,0} | {root.GetProperty("Execution Time").GetDouble():0.00} |"));
        Assert.DoesNotContain("\"Seq Scan\"", plan, StringComparison.Ordinal);
        Assert.DoesNotContain("\"Gather", plan, StringComparison.Ordinal);
        Assert.InRange(pages, 1, MostPages);
    }

    /// <summary>The most pages of a node with all below it. The whole does not count writes that nothing reads from, which are done at the end.</summary>
    private static long MostOf(JsonElement node)
    {
        var own = node.GetProperty("Shared Hit Blocks").GetInt64() + node.GetProperty("Shared Read Blocks").GetInt64();
        return node.TryGetProperty("Plans", out var below) ? Math.Max(own, below.EnumerateArray().Max(MostOf)) : own;
    }
}
