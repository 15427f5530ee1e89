using Caraway.Platform.Postgres;

namespace Caraway.Support.Files;

/// <summary>The numbers of <c>Case-MMDD-N</c> for a chunk of imported cases. The counters stay locked until the commit.</summary>
internal sealed class DayNumbers
{
    /// <summary>
    /// Makes the counters that do not exist. Here and in <see cref="LockSql"/> every import goes up the same order, and whoever opens a
    /// case locks one counter only, so nobody waits in a circle.
    /// </summary>
    internal const string AddSql = """
        insert into support.day_numbers (owner, day, last)
        select owner, day, 0 from unnest(@owners::text[], @days::date[]) k (owner, day) order by owner, day
        on conflict (owner, day) do nothing
        """;

    /// <summary>The lateral join finds each counter by the key, however large the table is.</summary>
    internal const string LockSql = """
        select d.owner, d.day, d.last
        from (select owner, day from unnest(@owners::text[], @days::date[]) k (owner, day) order by owner, day) k
        cross join lateral (
            select * from support.day_numbers d where d.owner = k.owner and d.day = k.day offset 0 for update
        ) d
        """;

    /// <summary>Every counter exists, so this only changes them.</summary>
    internal const string SaveSql = """
        insert into support.day_numbers (owner, day, last)
        select owner, day, last from unnest(@owners::text[], @days::date[], @lasts::integer[]) k (owner, day, last)
        on conflict (owner, day) do update set last = excluded.last where day_numbers.last <> excluded.last
        """;

    private readonly Dictionary<Key, int> lasts;

    private DayNumbers(Dictionary<Key, int> lasts) => this.lasts = lasts;

    /// <summary>Each owner has one counter for each day (UTC).</summary>
    internal readonly record struct Key(string Owner, DateOnly Day);

    private sealed record Row(string Owner, DateOnly Day, int Last);

    public static async Task<DayNumbers> Lock(IEnumerable<Key> keys, Database database, CancellationToken cancel)
    {
        var distinct = keys.Distinct().ToList();
        var values = new { owners = distinct.ConvertAll(key => key.Owner).ToArray(), days = distinct.ConvertAll(key => key.Day).ToArray() };
        await database.Execute(AddSql, values, cancel);
        var rows = await database.List<Row>(LockSql, values, cancel);
        return new DayNumbers(rows.ToDictionary(row => new Key(row.Owner, row.Day), row => row.Last));
    }

    /// <summary>Passes the numbers of cases that have titles.</summary>
    /// <param name="highest">The highest number that one of the titles has; 0 without one.</param>
    public void Pass(Key key, int cases, int highest) => lasts[key] = Math.Max(lasts[key] + cases, highest);

    public int Next(Key key) => ++lasts[key];

    public Task Save(Database database, CancellationToken cancel) => database.Execute(
        SaveSql,
        new
        {
            owners = lasts.Keys.Select(key => key.Owner).ToArray(), days = lasts.Keys.Select(key => key.Day).ToArray(),
            lasts = lasts.Values.ToArray(),
        },
        cancel);
}
