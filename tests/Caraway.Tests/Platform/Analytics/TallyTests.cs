using Caraway.Platform.Analytics;

namespace Caraway.Tests.Platform.Analytics;

public sealed class TallyTests
{
    private static readonly DateOnly First = new(2026, 2, 27);

    [Fact]
    public void The_backlog_carries_over_from_day_to_day()
    {
        var tally = new Tally(
        [
            new("before", null, null, 5), new("opened", "", 0, 3), new("ended", "", 0, 1), new("ended", "", 2, 7),
        ]);

        Assert.Equal(
            [new(First, 3, 1, 7), new(First.AddDays(1), 0, 0, 7), new(First.AddDays(2), 0, 7, 0)],
            tally.Days(new DayRange(First, First.AddDays(2))));
        Assert.Equal(3, tally.Total);
    }

    [Fact]
    public void Without_a_row_every_figure_is_there()
    {
        var tally = new Tally([]);

        Assert.Equal(0, tally.Total);
        Assert.Equal([new(First, 0, 0, 0)], tally.Days(new DayRange(First, First)));
        Assert.Equal(new Durations(0, null, null), tally.Durations());
        Assert.Equal([new("a", 0), new("b", 0)], tally.Words("status", ["a", "b"]));
    }

    [Fact]
    public void Words_are_counted_and_durations_are_in_seconds()
    {
        var tally = new Tally(
        [
            new("status", "b", null, 2), new("took", "count", null, 4), new("took", "median", null, 1_500_000), new("took", "p90", null, 1),
        ]);

        Assert.Equal([new("a", 0), new("b", 2)], tally.Words("status", ["a", "b"]));
        Assert.Equal(new Durations(4, 1.5, 0.000001), tally.Durations());
    }
}
