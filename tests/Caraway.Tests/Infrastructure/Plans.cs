using System.Globalization;
using System.Text.Json;
using Caraway.Platform.Postgres;
using Dapper;
using Npgsql;

namespace Caraway.Tests.Infrastructure;

/// <summary>What PostgreSQL makes of the product's statements on large tables.</summary>
internal static class Plans
{
    /// <summary>8 KiB pages: what a list of 101 rows with a joined name may touch, thrice over.</summary>
    private const long MostPages = 1_500;

    /// <summary>
    /// Runs the statement as a prepared one and takes it back: it reads no table whole, starts no parallel workers, and touches few pages.
    /// </summary>
    /// <param name="mostPages">Of 8 KiB.</param>
    public static async Task StaysBounded(
        TestDatabase database, string sql, object values, string name, ITestOutputHelper output, long mostPages = MostPages)
    {
        var plan = await Explain(database, sql, values, name, output);
        Assert.DoesNotContain("\"Seq Scan\"", plan.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("\"Gather", plan.Text, StringComparison.Ordinal);
        Assert.InRange(plan.Pages, 1, mostPages);
    }

    /// <param name="Text">As JSON.</param>
    internal sealed record Plan(string Text, long Pages, double Milliseconds);

    /// <summary>Runs the statement as a prepared one, takes it back, and writes a row of docs/query-plans.md.</summary>
    public static async Task<Plan> Explain(TestDatabase database, string sql, object values, string name, ITestOutputHelper output)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        // What a connection that lives long uses: a plan made without knowing the values. EXPLAIN with parameters would know them.
        await connection.ExecuteAsync("set plan_cache_mode = force_generic_plan");
        await using var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand { Connection = connection };
        var ready = Statement.Create(sql, values, default).Command;
        ((SqlMapper.IDynamicParameters)ready.Parameters!).AddParameters(command, null!);
        var parameters = command.Parameters.Select(parameter => parameter.Value)
            .Zip(command.Parameters, (value, parameter) => (Value: value, Type: TypeOf(parameter)))
            .ToList();
        await connection.ExecuteAsync($"prepare measured{List(parameters.Select(p => p.Type))} as {ready.CommandText}");
        var plan = await connection.QueryFirstAsync<string>(
            $"explain (analyze, buffers, format json) execute measured{List(parameters.Select(p => Literal(p.Value)))}");
        await connection.ExecuteAsync("deallocate measured");
        await transaction.RollbackAsync();

        var root = JsonDocument.Parse(plan).RootElement[0];
        var pages = MostOf(root.GetProperty("Plan"));
        var milliseconds = root.GetProperty("Execution Time").GetDouble();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {pages:#,0} | {milliseconds:0.00} |"));
        return new Plan(plan, pages, milliseconds);
    }

    /// <summary>
    /// The most pages of a node with all below it. The whole does not count writes that nothing reads from, which are done at the end.
    /// </summary>
    private static long MostOf(JsonElement node)
    {
        var own = node.GetProperty("Shared Hit Blocks").GetInt64() + node.GetProperty("Shared Read Blocks").GetInt64();
        return node.TryGetProperty("Plans", out var below) ? Math.Max(own, below.EnumerateArray().Max(MostOf)) : own;
    }

    private static string List(IEnumerable<string> items) => string.Join(", ", items) is { Length: > 0 } list ? $"({list})" : "";

    private static string TypeOf(NpgsqlParameter parameter)
    {
        var type = parameter.GetType().GetGenericArguments()[0];
        type = Nullable.GetUnderlyingType(type) ?? type;
        var array = type.IsArray && type != typeof(byte[]);
        var element = array ? type.GetElementType()! : type;
        return Types[Nullable.GetUnderlyingType(element) ?? element] + (array ? "[]" : "");
    }

    private static readonly Dictionary<Type, string> Types = new()
    {
        [typeof(long)] = "bigint", [typeof(int)] = "integer", [typeof(string)] = "text", [typeof(bool)] = "boolean",
        [typeof(double)] = "double precision",
        [typeof(DateTime)] = "timestamptz", [typeof(TimeSpan)] = "interval", [typeof(Guid)] = "uuid", [typeof(byte[])] = "bytea",
        [typeof(DateOnly)] = "date",
    };

    private static string Literal(object? value) => value switch
    {
        null or DBNull => "null",
        byte[] bytes => $"'\\x{Convert.ToHexStringLower(bytes)}'",
        Array array => $"array[{string.Join(", ", array.Cast<object?>().Select(Literal))}]::{ElementType(array)}[]",
        bool truth => truth ? "true" : "false",
        DateTime time => time == DateTime.MaxValue ? "'infinity'" : $"'{time.ToString("O", CultureInfo.InvariantCulture)}'",
        DateOnly day => $"'{day.ToString("O", CultureInfo.InvariantCulture)}'",
        IFormattable number and not (TimeSpan or Guid) => number.ToString(null, CultureInfo.InvariantCulture),
        _ => $"'{value.ToString()!.Replace("'", "''", StringComparison.Ordinal)}'",
    };

    private static string ElementType(Array array)
    {
        var type = array.GetType().GetElementType()!;
        return Types[Nullable.GetUnderlyingType(type) ?? type];
    }
}
