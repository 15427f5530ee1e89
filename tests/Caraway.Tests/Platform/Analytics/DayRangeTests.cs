using Caraway.Platform.Analytics;

namespace Caraway.Tests.Platform.Analytics;

public sealed class DayRangeTests
{
    private static readonly DateTime Now = new(2026, 3, 1, 0, 0, 0, DateTimeKind.Utc);

    [Theory]
    [InlineData(null, null, "2026-01-31", "2026-03-01", 30)]
    [InlineData("", "", "2026-01-31", "2026-03-01", 30)]
    [InlineData("2026-02-27", null, "2026-02-27", "2026-03-01", 3)]
    [InlineData(null, "2024-03-01", "2024-02-01", "2024-03-01", 30)]
    [InlineData("2026-03-01", "2026-03-01", "2026-03-01", "2026-03-01", 1)]
    [InlineData("2016-02-23", "2026-03-01", "2016-02-23", "2026-03-01", 3660)]
    [InlineData(null, "1900-01-01", "1899-12-03", "1900-01-01", 30)]
    [InlineData("8999-12-31", "8999-12-31", "8999-12-31", "8999-12-31", 1)]
    public void A_range_has_both_its_days_and_thirty_days_without_a_start(string? from, string? to, string first, string last, int days)
    {
        Assert.Null(DayRange.Read(from, to, Now, out var range));

        Assert.Equal(new DayRange(Day(first), Day(last)), range);
        Assert.Equal(days, range.Days);
    }

    [Theory]
    [InlineData("2026-02-30", null, "from", "It must be a day such as 2026-01-31, from 1900 to 8999.")]
    [InlineData("2026-2-3", null, "from", "It must be a day such as 2026-01-31, from 1900 to 8999.")]
    [InlineData(" 2026-02-03", null, "from", "It must be a day such as 2026-01-31, from 1900 to 8999.")]
    [InlineData("2026-02-03\0", null, "from", "It must be a day such as 2026-01-31, from 1900 to 8999.")]
    [InlineData("٢٠٢٦-02-03", null, "from", "It must be a day such as 2026-01-31, from 1900 to 8999.")]
    [InlineData(null, "2026-02-03T00:00:00Z", "to", "It must be a day such as 2026-01-31, from 1900 to 8999.")]
    [InlineData(null, "1899-12-31", "to", "It must be a day such as 2026-01-31, from 1900 to 8999.")]
    [InlineData(null, "9000-01-01", "to", "It must be a day such as 2026-01-31, from 1900 to 8999.")]
    [InlineData("2026-03-02", null, "from", "The first day must not be after the last one.")]
    [InlineData("2026-01-02", "2026-01-01", "from", "The first day must not be after the last one.")]
    [InlineData("2016-02-22", null, "from", "The range must have at most 3,660 days.")]
    public void Another_range_is_refused_with_a_sentence(string? from, string? to, string name, string sentence)
    {
        var refusal = DayRange.Read(from, to, Now, out _);

        Assert.NotNull(refusal);
        Assert.Equal((422, sentence), (refusal.Status, refusal.Detail));
        Assert.Equal(["#/" + name], refusal.Errors!.Select(error => error.Pointer));
    }

    [Fact]
    public void The_months_of_a_range_are_those_that_it_touches()
    {
        Assert.Equal(
            ["2025-11-01", "2025-12-01", "2026-01-01"],
            new DayRange(Day("2025-11-30"), Day("2026-01-01")).Months.Select(month => $"{month:yyyy-MM-dd}"));
        Assert.Equal(["2026-01-01"], new DayRange(Day("2026-01-31"), Day("2026-01-31")).Months.Select(month => $"{month:yyyy-MM-dd}"));
    }

    private static DateOnly Day(string text) => DateOnly.ParseExact(text, "yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);
}
