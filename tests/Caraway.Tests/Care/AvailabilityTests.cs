using System.Globalization;
using Caraway.Care;

namespace Caraway.Tests.Care;

/// <summary>Windows and slots, compared with a model that looks at the local time of every minute.</summary>
public sealed class AvailabilityTests
{
    private const string Date = "yyyy-MM-dd";
    private static readonly string[] Days = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

    public static TheoryData<string, string> Changes => new()
    {
        { "Europe/Copenhagen", "2026-03-29" }, { "Europe/Copenhagen", "2026-10-25" },
        { "Europe/Copenhagen", "2027-03-28" }, { "Europe/Copenhagen", "2027-10-31" },
        { "America/New_York", "2026-03-08" }, { "America/New_York", "2026-11-01" },
        { "America/New_York", "2027-03-14" }, { "America/New_York", "2027-11-07" },
        // A change of half an hour, and a change at midnight.
        { "Australia/Lord_Howe", "2026-04-05" }, { "Asia/Beirut", "2026-10-25" },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void Windows_follow_local_time_across_a_change_of_the_clock(string zone, string change)
    {
        var middle = Utc(change);
        var clock = TimeZoneInfo.FindSystemTimeZoneById(zone);
        Assert.NotEqual(clock.GetUtcOffset(middle.AddDays(-2)), clock.GetUtcOffset(middle.AddDays(2)));
        var random = new Random(20261121);
        for (var round = 0; round < 40; round++)
        {
            var rules = RulesOf(zone, middle, random);
            Assert.Null(Availability.FindFault(rules));
            var availability = Availability.Create(1, rules);
            var from = middle.AddDays(-2).AddMinutes(random.Next(0, 1440));
            var to = middle.AddDays(2).AddMinutes(random.Next(0, 1440));

            var windows = availability.Windows(from, to);

            Assert.Equal(Model(rules, clock, from, to), Minutes(windows));
            // They are in order, and do not touch.
            Assert.All(windows.Zip(windows.Skip(1)), pair => Assert.True(pair.First.End < pair.Second.Start));
            var start = from.AddMinutes(random.Next(0, 4000));
            var end = start.AddMinutes(random.Next(5, 480));
            Assert.Equal(Model(rules, clock, start, end).Count == (int)(end - start).TotalMinutes, availability.Covers(start, end));
        }
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public void Free_slots_are_inside_the_windows_and_use_all_the_room(string zone, string change)
    {
        var middle = Utc(change);
        var clock = TimeZoneInfo.FindSystemTimeZoneById(zone);
        var random = new Random(42);
        for (var round = 0; round < 40; round++)
        {
            var rules = RulesOf(zone, middle, random);
            var (from, to) = (middle.AddDays(-1), middle.AddDays(2));
            var busy = new List<ListFreeSlots.Busy>();
            for (var at = from.AddMinutes(random.Next(0, 300)); at < to; at = at.AddMinutes(random.Next(30, 600)))
            {
                busy.Add(new ListFreeSlots.Busy(at, at.AddMinutes(random.Next(5, 25))));
            }

            var length = random.Next(5, 90);
            var slots = ListFreeSlots.Fit(Availability.Create(1, rules).Windows(from, to), busy, TimeSpan.FromMinutes(length));

            var free = Model(rules, clock, from, to);
            foreach (var taken in busy)
                free.ExceptWith(Minutes([(taken.ScheduledTime, taken.EndsAt)]));
            foreach (var slot in slots)
            {
                var minutes = Minutes([(slot.Start, slot.End)]);
                Assert.Equal(length, minutes.Count);
                // The slot is inside the windows and free, and shares no minute with another slot.
                Assert.Subset(free, minutes);
                free.ExceptWith(minutes);
            }

            Assert.True(LongestRun(free) < length, "There is room for another slot.");
        }
    }

    [Fact]
    public void An_unset_availability_covers_any_time_and_an_empty_week_covers_nothing()
    {
        var (start, end) = (Utc("2026-06-01"), Utc("2026-06-02"));

        Assert.True(Availability.Unset.Covers(start, end));
        Assert.Equal([(start, end)], Availability.Unset.Windows(start, end));
        var never = Availability.Create(1, new SetAvailability.Rules { TimeZone = "UTC", Weekly = [] });
        Assert.False(never.Covers(start, start.AddMinutes(5)));
        Assert.True(Availability.Create(1, new SetAvailability.Rules { TimeZone = "UTC", Weekly = null }).Covers(start, end));
    }

    [Fact]
    public void An_exception_replaces_the_windows_of_its_day()
    {
        var availability = Availability.Create(1, new SetAvailability.Rules
        {
            TimeZone = "UTC",
            Weekly = [new("thursday", "09:00", "12:00"), new("friday", "09:00", "12:00")],
            Exceptions = [new("2026-12-24", null, null), new("2026-12-25", "13:00", "14:00"), new("2026-12-25", "15:00", "24:00")],
        });

        Assert.Equal(
            [(Utc("2026-12-25").AddHours(13), Utc("2026-12-25").AddHours(14)), (Utc("2026-12-25").AddHours(15), Utc("2026-12-26"))],
            availability.Windows(Utc("2026-12-23"), Utc("2026-12-30")));
    }

    [Theory]
    [InlineData("Mars/Olympus", "monday", "09:00", "10:00", "2026-12-24", "#/time_zone")]
    [InlineData("UTC", "Monday", "09:00", "10:00", "2026-12-24", "#/weekly/0/day")]
    [InlineData("UTC", "monday", "9:00", "10:00", "2026-12-24", "#/weekly/0/from")]
    [InlineData("UTC", "monday", "24:00", "24:00", "2026-12-24", "#/weekly/0/from")]
    [InlineData("UTC", "monday", "09:00", "25:00", "2026-12-24", "#/weekly/0/to")]
    [InlineData("UTC", "monday", "10:00", "10:00", "2026-12-24", "#/weekly/0/to")]
    [InlineData("UTC", "monday", "22:00", "02:00", "2026-12-24", "#/weekly/0/to")]
    [InlineData("UTC", "monday", "09:00", "10:00", "2026-02-30", "#/exceptions/0/date")]
    [InlineData("UTC", "monday", "09:00", "10:00", "24.12.2026", "#/exceptions/0/date")]
    public void Bad_rules_are_refused_with_a_pointer_to_the_fault(
        string zone, string day, string from, string to, string date, string pointer)
    {
        var rules = new SetAvailability.Rules
        {
            TimeZone = zone, Weekly = [new(day, from, to)], Exceptions = [new(date, "09:00", "10:00")],
        };

        Assert.Equal(pointer, Availability.FindFault(rules)?.Pointer);
    }

    /// <summary>Random windows, many of them in the hours of the night in which the clock changes.</summary>
    private static SetAvailability.Rules RulesOf(string zone, DateTime middle, Random random)
    {
        string Time(int minute) => minute == 1440
            ? "24:00"
            : string.Create(CultureInfo.InvariantCulture, $"{minute / 60:00}:{minute % 60:00}");
        (string From, string To) Window()
        {
            var from = random.Next(0, random.Next(2) == 0 ? 240 : 1435);
            return (Time(from), Time(random.Next(from + 1, random.Next(3) == 0 ? 1441 : Math.Min(1441, from + 200))));
        }

        var weekly = Enumerable.Range(0, random.Next(1, 25)).Select(_ =>
        {
            var (from, to) = Window();
            return new SetAvailability.Window(Days[random.Next(7)], from, to);
        }).ToList();
        var exceptions = Enumerable.Range(0, random.Next(0, 4)).Select(_ =>
        {
            var date = middle.AddDays(random.Next(-2, 3)).ToString(Date, CultureInfo.InvariantCulture);
            var (from, to) = Window();
            return random.Next(3) == 0 ? new SetAvailability.Exception(date, null, null) : new SetAvailability.Exception(date, from, to);
        }).ToList();
        return new SetAvailability.Rules { TimeZone = zone, Weekly = weekly, Exceptions = exceptions };
    }

    /// <summary>The start of every covered minute.</summary>
    private static SortedSet<long> Model(SetAvailability.Rules rules, TimeZoneInfo zone, DateTime from, DateTime to)
    {
        var covered = new SortedSet<long>();
        for (var minute = from; minute < to; minute = minute.AddMinutes(1))
        {
            var local = TimeZoneInfo.ConvertTimeFromUtc(minute, zone);
            var exceptions = rules.Exceptions!.Where(e => e.Date == local.ToString(Date, CultureInfo.InvariantCulture)).ToList();
            var windows = exceptions.Count > 0
                ? exceptions.Where(e => e.From is not null).Select(e => (e.From, e.To))
                : rules.Weekly!.Where(w => w.Day == Days[(int)local.DayOfWeek]).Select(w => (w.From, w.To));
            var time = local.ToString("HH:mm", CultureInfo.InvariantCulture);
            if (windows.Any(window => string.CompareOrdinal(window.From, time) <= 0 && string.CompareOrdinal(time, window.To) < 0))
                covered.Add(minute.Ticks / TimeSpan.TicksPerMinute);
        }

        return covered;
    }

    private static SortedSet<long> Minutes(IEnumerable<(DateTime Start, DateTime End)> spans)
    {
        var minutes = new SortedSet<long>();
        foreach (var (start, end) in spans)
        {
            for (var at = start; at < end; at = at.AddMinutes(1))
                minutes.Add(at.Ticks / TimeSpan.TicksPerMinute);
        }

        return minutes;
    }

    private static int LongestRun(SortedSet<long> minutes)
    {
        var (longest, run, last) = (0, 0, long.MinValue);
        foreach (var minute in minutes)
        {
            run = minute == last + 1 ? run + 1 : 1;
            (longest, last) = (Math.Max(longest, run), minute);
        }

        return longest;
    }

    private static DateTime Utc(string day) =>
        DateTime.SpecifyKind(DateTime.ParseExact(day, Date, CultureInfo.InvariantCulture), DateTimeKind.Utc);
}
