using System.Globalization;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Care;

/// <summary>Books appointments and reads calendars as a calendar program does.</summary>
internal static class CalendarClient
{
    /// <summary>The time of the first appointment.</summary>
    public static DateTime Start { get; } = TimeProvider.System.GetUtcNow().UtcDateTime.Date.AddDays(30).AddHours(9);

    /// <summary>Books an appointment so many hours after <see cref="Start"/> and brings it to a status.</summary>
    public static async Task<long> BookForCalendar(
        this CarawayFixture caraway, Accounts.SignedIn patient, Accounts.SignedIn doctor, int hour, string status)
    {
        var booked = await caraway.Post(
            patient, "/api/v1/appointments",
            $$"""
            {"patient_id":{{patient.UserId}},"doctor_id":{{doctor.UserId}},"scheduled_time":"{{Start.AddHours(hour).Text()}}",
             "duration_minutes":45,"reason":"A delicate reason","notes":"A private note"}
            """);
        Assert.Equal(201, booked.Status);
        var id = booked.Json.GetProperty("id").GetInt64();
        string[] steps = status switch { "completed" => ["confirmed", "completed"], "pending" => [], _ => [status] };
        foreach (var next in steps)
            Assert.Equal(200, (await caraway.Change(doctor, id, $$"""{"status":"{{next}}"}""")).Status);
        return id;
    }

    public static async Task<Uri> CalendarLink(this CarawayFixture caraway, Accounts.SignedIn who)
    {
        var answer = await caraway.As(who, HttpMethod.Post, $"/api/v1/users/{who.UserId}/calendar-link");
        Assert.Equal(201, answer.Status);
        return new Uri(answer.Json.GetProperty("url").GetString()!);
    }

    /// <summary>Sends the address and no credential.</summary>
    public static Task<Answer> ReadCalendar(this CarawayFixture caraway, Uri link) =>
        caraway.Anonymously(HttpMethod.Get, link.PathAndQuery, null);

    /// <summary>The properties of each event.</summary>
    public static List<Dictionary<string, string>> Events(string calendar)
    {
        Assert.StartsWith("BEGIN:VCALENDAR\r\n", calendar, StringComparison.Ordinal);
        string[] head = ["VERSION:2.0", "PRODID:-//Caraway//Appointments//EN", "CALSCALE:GREGORIAN", "X-WR-CALNAME:Appointments"];
        foreach (var line in head)
            Assert.Contains($"\r\n{line}\r\n", calendar.Split("BEGIN:VEVENT")[0], StringComparison.Ordinal);
        Assert.EndsWith("END:VCALENDAR\r\n", calendar, StringComparison.Ordinal);
        return calendar.Split("BEGIN:VEVENT\r\n")[1..]
            .Select(part => part.Split("END:VEVENT")[0].Split("\r\n", StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line.Split(':', 2))
                .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal))
            .ToList();
    }

    /// <summary>A time as iCalendar writes it.</summary>
    public static string Utc(DateTime time) => time.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
}
