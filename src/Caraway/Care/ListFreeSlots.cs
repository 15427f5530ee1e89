using System.Globalization;
using System.Text.Json;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Care;

/// <summary>
/// <c>GET /api/v1/doctors/{id}/free-slots</c>: the times at which an appointment of this length fits, one slot after another from the start
/// of each gap.
/// </summary>
internal static class ListFreeSlots
{
    private const int LongestDays = 31;
    private const int DefaultDays = 7;

    public sealed record Slot(DateTime Start, DateTime End);

    /// <summary>An appointment takes at most eight hours, so one that overlaps the span starts at most eight hours before it.</summary>
    internal const string Select = $"""
        {GetAvailability.Select};
        select scheduled_time, ends_at from care.appointments
        where doctor_id = @id and status <> 'cancelled' and scheduled_time < @to and scheduled_time > @from - interval '480 minutes'
        order by scheduled_time
        """;

    internal sealed record Busy(DateTime ScheduledTime, DateTime EndsAt);

    public static async Task<Results<Ok<List<Slot>>, Refusal>> Handle(
        RowId id, string? from, string? to, string? duration, Database database, TimeProvider time, CancellationToken cancel)
    {
        var now = time.GetUtcNow().UtcDateTime;
        if (!QueryTime.TryRead(from, out var wantedFrom))
            return Refusal.InvalidQuery("from", QueryTime.Sentence);
        if (!QueryTime.TryRead(to, out var wantedTo))
            return Refusal.InvalidQuery("to", QueryTime.Sentence);
        var first = wantedFrom ?? now;
        var end = wantedTo ?? first.AddDays(DefaultDays);
        if (end <= first || end - first > TimeSpan.FromDays(LongestDays))
            return Refusal.InvalidQuery("to", "The end must be after the start, and at most 31 days later.");
        if (!TryMinutes(duration, out var minutes))
            return Refusal.InvalidQuery("duration", "An appointment takes 5 to 480 minutes.");

        // Nobody can book a time in the past.
        var begin = first > now ? first : NextMinute(now);
        var (row, busy) = await database.Many(
            Select, new { id = id.Value, from = begin, to = end },
            async grid => (await grid.ReadFirstOrDefaultAsync<GetAvailability.Row>(), (await grid.ReadAsync<Busy>()).AsList()), cancel);
        if (row is null)
            return GetAvailability.NoDoctor;
        if (begin >= end || !row.IsActive)
            return TypedResults.Ok(new List<Slot>());
        var availability = row.Rules is null
            ? Availability.Unset
            : Availability.Create(row.Version, JsonSerializer.Deserialize(row.Rules, CareJson.Default.Rules)!);
        return TypedResults.Ok(Fit(availability.Windows(begin, end), busy, TimeSpan.FromMinutes(minutes)));
    }

    /// <summary>Fills the free parts of the windows with slots.</summary>
    /// <param name="busy">Ordered by start.</param>
    internal static List<Slot> Fit(IEnumerable<(DateTime Start, DateTime End)> windows, IReadOnlyList<Busy> busy, TimeSpan duration)
    {
        var slots = new List<Slot>();
        foreach (var window in windows)
        {
            var at = window.Start;
            foreach (var taken in busy.Where(taken => taken.EndsAt > window.Start && taken.ScheduledTime < window.End))
            {
                Fill(slots, at, taken.ScheduledTime, duration);
                at = taken.EndsAt > at ? taken.EndsAt : at;
            }

            Fill(slots, at, window.End, duration);
        }

        return slots;
    }

    private static void Fill(List<Slot> slots, DateTime at, DateTime until, TimeSpan duration)
    {
        for (; at + duration <= until; at += duration)
            slots.Add(new Slot(at, at + duration));
    }

    private static bool TryMinutes(string? duration, out int minutes)
    {
        minutes = AppointmentRules.DefaultMinutes;
        return string.IsNullOrEmpty(duration)
            || (int.TryParse(duration, NumberStyles.None, CultureInfo.InvariantCulture, out minutes)
                && minutes is >= AppointmentRules.ShortestMinutes and <= AppointmentRules.LongestMinutes);
    }

    private static DateTime NextMinute(DateTime time) => time.AddTicks(TimeSpan.TicksPerMinute - time.Ticks % TimeSpan.TicksPerMinute);
}
