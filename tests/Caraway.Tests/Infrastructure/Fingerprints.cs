namespace Caraway.Tests.Infrastructure;

/// <summary>Every row of every table that belongs to the application, to prove that a request wrote nothing.</summary>
internal static class Fingerprints
{
    /// <summary>The tables of all schemas but PostgreSQL's own.</summary>
    private const string Tables = """
        select string_agg(format('%I.%I', schemaname, tablename), ' ' order by schemaname, tablename)
        from pg_tables where schemaname !~ '^pg_' and schemaname <> 'information_schema'
        """;

    /// <summary>Rows that appear without a request, or because of an earlier one: access records, signing keys.</summary>
    private static readonly Dictionary<string, string> Kept = new(StringComparer.Ordinal)
    {
        ["platform.access_log"] = "false",
        ["platform.access_batches"] = "false",
        ["platform.events"] = "name <> 'access.recorded'",
        ["identity.signing_keys"] = "false",
    };

    /// <summary>Runs the request and checks that no row of any table was added, removed or changed.</summary>
    public static async Task<Answer> WritesNothing(this CarawayFixture caraway, Func<Task<Answer>> request)
    {
        var before = await caraway.Fingerprint();
        var answer = await request();
        Assert.Equal(before, await caraway.Fingerprint());
        return answer;
    }

    private static async Task<string?> Fingerprint(this CarawayFixture caraway)
    {
        var tables = (await caraway.Database.Scalar<string>(Tables))!.Split(' ');
        Assert.All([.. Kept.Keys, "advocacy.cases", "care.appointments", "platform.jobs"], table => Assert.Contains(table, tables));
        var rows = tables.Select(table =>
            $"'{table}', (select array_agg(t::text order by t::text) from {table} t where {Kept.GetValueOrDefault(table, "true")})");
        return await caraway.Database.Scalar<string>($"select json_build_object({string.Join(", ", rows)})::text");
    }
}
