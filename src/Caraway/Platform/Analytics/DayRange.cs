using System.Globalization;
using Caraway.Platform.Http;

namespace Caraway.Platform.Analytics;

/// <summary>The days that an analysis covers, in UTC, both included.</summary>
internal readonly record struct DayRange(DateOnly From, DateOnly To)
{
    /// <summary>Ten years.</summary>
    public const int MaxDays = 3_660;

    public const int DefaultDays = 30;

    private const string DaySentence = "It must be a day such as 2026-01-31, from 1900 to 8999.";

    private static readonly DateOnly Earliest = new(1900, 1, 1);
    private static readonly DateOnly Latest = new(8999, 12, 31);

    /// <summary>Number of days.</summary>
    public int Days => To.DayNumber - From.DayNumber + 1;

    /// <summary>The first days of the months, from the month of <see cref="From"/> to that of <see cref="To"/>.</summary>
    public IEnumerable<DateOnly> Months
    {
        get
        {
            for (var month = new DateOnly(From.Year, From.Month, 1); month <= To; month = month.AddMonths(1))
                yield return month;
        }
    }

    /// <summary>
    /// Reads <c>from</c> and <c>to</c>. Without an end, the range ends today; without a start, it has 30 days. An empty value is an absent
    /// one.
    /// </summary>
    /// <returns>The refusal, or null when <paramref name="range"/> is good.</returns>
    public static Refusal? Read(string? from, string? to, DateTime now, out DayRange range)
    {
        range = default;
        if (!TryDay(from, out var first))
            return Refusal.InvalidQuery("from", DaySentence);
        if (!TryDay(to, out var last))
            return Refusal.InvalidQuery("to", DaySentence);
        var end = last ?? DateOnly.FromDateTime(now);
        range = new DayRange(first ?? end.AddDays(1 - DefaultDays), end);
        if (range.From > range.To)
            return Refusal.InvalidQuery("from", "The first day must not be after the last one.");
        return range.Days > MaxDays ? Refusal.InvalidQuery("from", "The range must have at most 3,660 days.") : null;
    }

    private static bool TryDay(string? text, out DateOnly? day)
    {
        day = null;
        if (string.IsNullOrEmpty(text))
            return true;
        if (!DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var parsed)
            || parsed < Earliest || parsed > Latest)
            return false;
        day = parsed;
        return true;
    }
}
