using NodaTime;
using NodaTime.Text;

namespace Caraway.Care;

/// <summary>
/// When a doctor can be booked. The doctor's local date and time decide whether a moment is covered: an hour that the change to summer
/// time skips is in no window, and an hour that the change back repeats is in its window twice.
/// </summary>
internal sealed class Availability
{
    private static readonly LocalTimePattern Clock = LocalTimePattern.CreateWithInvariantCulture("HH:mm");
    private const string MidnightAtTheEnd = "24:00";
    private const int MinutesOfDay = 24 * 60;

    private readonly DateTimeZone zone;
    private readonly ILookup<IsoDayOfWeek, (int From, int To)>? weekly;
    private readonly Dictionary<LocalDate, List<(int From, int To)>> exceptions;

    private Availability(
        long version, DateTimeZone zone, ILookup<IsoDayOfWeek, (int From, int To)>? weekly,
        Dictionary<LocalDate, List<(int From, int To)>> exceptions) =>
        (Version, this.zone, this.weekly, this.exceptions) = (version, zone, weekly, exceptions);

    /// <summary>A doctor who never set one can be booked at any time.</summary>
    public static Availability Unset { get; } = new(0, DateTimeZone.Utc, null, []);

    /// <summary>Rises with each change; 0 for <see cref="Unset"/>.</summary>
    public long Version { get; }

    /// <param name="rules">Rules in which <see cref="FindFault"/> found no fault.</param>
    public static Availability Create(long version, SetAvailability.Rules rules) => new(
        version,
        DateTimeZoneProviders.Tzdb[rules.TimeZone!],
        rules.Weekly?.ToLookup(window => DayOf(window.Day)!.Value, window => (MinuteOf(window.From)!.Value, MinuteOf(window.To)!.Value)),
        (rules.Exceptions ?? []).GroupBy(exception => DateOf(exception.Date)!.Value)
            .ToDictionary(
                day => day.Key,
                day => day.Where(exception => exception.From is not null)
                    .Select(exception => (MinuteOf(exception.From)!.Value, MinuteOf(exception.To)!.Value))
                    .ToList()));

    /// <returns>The first fault, as a JSON pointer and a sentence; null when the rules are good.</returns>
    public static (string Pointer, string Sentence)? FindFault(SetAvailability.Rules rules)
    {
        if (rules.TimeZone is null || DateTimeZoneProviders.Tzdb.GetZoneOrNull(rules.TimeZone) is null)
            return ("#/time_zone", "This must be a time zone of the IANA database, such as Europe/Copenhagen.");
        for (var i = 0; i < rules.Weekly?.Count; i++)
        {
            var window = rules.Weekly[i];
            if (window is null || DayOf(window.Day) is null)
                return ($"#/weekly/{i}/day", "The day must be one of monday, tuesday, wednesday, thursday, friday, saturday, sunday.");
            if (FindTimeFault(window.From, window.To) is { } fault)
                return ($"#/weekly/{i}/{fault.Field}", fault.Sentence);
        }

        for (var i = 0; i < rules.Exceptions?.Count; i++)
        {
            var exception = rules.Exceptions[i];
            if (exception is null || DateOf(exception.Date) is null)
                return ($"#/exceptions/{i}/date", "The date must be a day such as 2026-12-24.");
            if ((exception.From is not null || exception.To is not null) && FindTimeFault(exception.From, exception.To) is { } fault)
                return ($"#/exceptions/{i}/{fault.Field}", fault.Sentence);
        }

        return null;
    }

    /// <summary>Whether the whole span can be booked.</summary>
    public bool Covers(DateTime start, DateTime end) =>
        (weekly is null && exceptions.Count == 0) || Windows(start, end).Any(window => window.Start <= start && window.End >= end);

    /// <summary>The spans within the bounds that can be booked, in UTC and in order. Spans that touch are one span.</summary>
    public List<(DateTime Start, DateTime End)> Windows(DateTime from, DateTime to)
    {
        var spans = new List<(DateTime Start, DateTime End)>();
        var bounds = new Interval(Instant.FromDateTimeUtc(from), Instant.FromDateTimeUtc(to));
        // The offset from UTC is constant within each of these.
        foreach (var stretch in zone.GetZoneIntervals(bounds))
        {
            var begin = stretch.HasStart && stretch.Start > bounds.Start ? stretch.Start : bounds.Start;
            var end = stretch.HasEnd && stretch.End < bounds.End ? stretch.End : bounds.End;
            var last = end.WithOffset(stretch.WallOffset).Date;
            for (var date = begin.WithOffset(stretch.WallOffset).Date; date <= last; date = date.PlusDays(1))
            {
                var midnight = new OffsetDateTime(date.AtMidnight(), stretch.WallOffset).ToInstant();
                foreach (var (first, until) in WindowsOn(date).Order())
                {
                    var windowStart = midnight + Duration.FromMinutes(first);
                    var windowEnd = midnight + Duration.FromMinutes(until);
                    Add(spans, Instant.Max(begin, windowStart), Instant.Min(end, windowEnd));
                }
            }
        }

        return spans;
    }

    private IEnumerable<(int From, int To)> WindowsOn(LocalDate date) =>
        exceptions.TryGetValue(date, out var instead) ? instead : weekly is null ? [(0, MinutesOfDay)] : weekly[date.DayOfWeek];

    /// <summary>A span that touches or overlaps the last one extends it.</summary>
    private static void Add(List<(DateTime Start, DateTime End)> spans, Instant start, Instant end)
    {
        if (start >= end)
            return;
        var (from, to) = (start.ToDateTimeUtc(), end.ToDateTimeUtc());
        if (spans.Count > 0 && spans[^1].End >= from)
            spans[^1] = (spans[^1].Start, to > spans[^1].End ? to : spans[^1].End);
        else
            spans.Add((from, to));
    }

    private static (string Field, string Sentence)? FindTimeFault(string? from, string? to)
    {
        if (MinuteOf(from) is not { } first || first == MinutesOfDay)
            return ("from", "The time must be HH:MM, from 00:00 to 23:59.");
        if (MinuteOf(to) is not { } until)
            return ("to", "The time must be HH:MM, from 00:01 to 24:00.");
        return until > first ? null : ("to", "The end must be after the beginning, on the same day.");
    }

    private static IsoDayOfWeek? DayOf(string? day) => day switch
    {
        "monday" => IsoDayOfWeek.Monday,
        "tuesday" => IsoDayOfWeek.Tuesday,
        "wednesday" => IsoDayOfWeek.Wednesday,
        "thursday" => IsoDayOfWeek.Thursday,
        "friday" => IsoDayOfWeek.Friday,
        "saturday" => IsoDayOfWeek.Saturday,
        "sunday" => IsoDayOfWeek.Sunday,
        _ => null,
    };

    private static int? MinuteOf(string? time)
    {
        if (time == MidnightAtTheEnd)
            return MinutesOfDay;
        return time is { Length: 5 } && Clock.Parse(time).TryGetValue(default, out var parsed) ? parsed.Hour * 60 + parsed.Minute : null;
    }

    private static LocalDate? DateOf(string? date)
    {
        if (date is not { Length: 10 } || !LocalDatePattern.Iso.Parse(date).TryGetValue(default, out var parsed))
            return null;
        return parsed.Year is >= 1900 and <= 9000 ? parsed : null;
    }
}
