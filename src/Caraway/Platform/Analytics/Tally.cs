namespace Caraway.Platform.Analytics;

/// <summary>What happened to cases on one day.</summary>
/// <param name="Backlog">The cases that are open at the end of the day.</param>
public sealed record DayCount(DateOnly Day, long Opened, long Ended, long Backlog);

/// <summary>
/// Durations in seconds. The median and the 90th percentile are exact; between two values they are interpolated. Null without a duration.
/// </summary>
public sealed record Durations(long Count, double? Median, double? P90);

/// <summary>The rows of an analysis's statement, and the figures that they make.</summary>
internal sealed class Tally
{
    /// <summary>Days on which cases were opened; days on which they ended.</summary>
    public const string Opened = "opened";
    public const string Ended = "ended";

    /// <summary>The backlog before the first day.</summary>
    public const string Before = "before";

    /// <summary>The durations: with the words <c>count</c>, <c>median</c> and <c>p90</c>, the latter in microseconds.</summary>
    public const string Took = "took";

    private readonly ILookup<string, Row> facts;

    public Tally(IEnumerable<Row> rows) => facts = rows.ToLookup(row => row.Fact, StringComparer.Ordinal);

    /// <param name="Day">Number of the day, from 0 on, or another number that <paramref name="Fact"/> defines.</param>
    internal sealed record Row(string Fact, string? Word, int? Day, long Value);

    public IEnumerable<Row> Of(string fact) => facts[fact];

    /// <summary>The number of cases that were opened.</summary>
    public long Total => facts[Opened].Sum(row => row.Value);

    /// <summary>The counts of a fact, with every one of these words.</summary>
    public IReadOnlyDictionary<string, long> Words(string fact, IEnumerable<string> words)
    {
        var counts = words.ToDictionary(word => word, _ => 0L, StringComparer.Ordinal);
        foreach (var row in facts[fact])
            counts[row.Word!] += row.Value;
        return counts;
    }

    public IReadOnlyList<DayCount> Days(DayRange range)
    {
        var (opened, ended) = (ByDay(Opened, range), ByDay(Ended, range));
        var backlog = facts[Before].Sum(row => row.Value);
        var days = new DayCount[range.Days];
        for (var i = 0; i < days.Length; i++)
        {
            backlog += opened[i] - ended[i];
            days[i] = new DayCount(range.From.AddDays(i), opened[i], ended[i], backlog);
        }

        return days;
    }

    public Durations Durations()
    {
        var figures = facts[Took].ToDictionary(row => row.Word!, row => row.Value, StringComparer.Ordinal);
        return new Durations(figures.GetValueOrDefault("count"), Seconds("median"), Seconds("p90"));

        double? Seconds(string word) => figures.TryGetValue(word, out var microseconds) ? microseconds / 1e6 : null;
    }

    private long[] ByDay(string fact, DayRange range)
    {
        var counts = new long[range.Days];
        foreach (var row in facts[fact])
            counts[row.Day!.Value] += row.Value;
        return counts;
    }
}
