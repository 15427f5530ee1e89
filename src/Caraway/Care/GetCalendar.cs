using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Care;

/// <summary>
/// <c>GET /api/v1/calendars/{secret}.ics</c>: a person's appointments as iCalendar (RFC 5545), for calendar programs that know nothing but
/// the address. It tells times and "Appointment": no reason, no name.
/// </summary>
internal static class GetCalendar
{
    private const int LongestLine = 75;

    internal const string Select = """
        select l.user_id, a.id, a.patient_id, a.scheduled_time, a.ends_at, a.status, a.sequence, a.updated_at
        from care.calendar_links l
        left join lateral (
            (select * from care.appointments p where p.patient_id = l.user_id and p.scheduled_time > @since order by p.scheduled_time desc limit 1000)
            union all
            (select * from care.appointments d where d.doctor_id = l.user_id and d.scheduled_time > @since order by d.scheduled_time desc limit 1000)
        ) a on true
        where l.token_hash = @hash and exists (select from identity.user_card u where u.id = l.user_id and u.is_active)
        order by a.scheduled_time, a.id
        """;

    internal sealed record Row(long UserId, long? Id, long? PatientId, DateTime? ScheduledTime, DateTime? EndsAt, string? Status, int? Sequence, DateTime? UpdatedAt);

    public static async Task<Results<ContentHttpResult, Refusal>> Handle(string file, HttpContext http, AccessLog accesses, Database database, TimeProvider time, CancellationToken cancel)
    {
        const string extension = ".ics";
        var secret = file.EndsWith(extension, StringComparison.Ordinal) ? file[..^extension.Length] : file;
        var rows = await database.List<Row>(Select, new { hash = CalendarLink.HashOf(secret), since = time.GetUtcNow().UtcDateTime.AddDays(-90) }, cancel);
        if (rows.Count == 0)
            return Refusal.NotFound(ProblemCodes.CalendarNotFound, "There is no such calendar.");
        var shown = rows.FindAll(row => row.Id is not null);
        var caller = Caller.Of(http, string.Create(CultureInfo.InvariantCulture, $"calendar:{rows[0].UserId}"), FrozenSet<string>.Empty);
        var access = new AccessedRecords { Kind = "care.appointment", Ids = [.. shown.Select(row => row.Id!.Value)], PatientIds = [.. shown.Select(row => row.PatientId!.Value).Distinct()] };
        return accesses.Add(caller, access) is { } unrecorded ? unrecorded : TypedResults.Text(Write(shown), "text/calendar; charset=utf-8", Encoding.UTF8);
    }

    internal static string Write(IEnumerable<Row> appointments)
    {
        var text = new StringBuilder();
        Line(text, "BEGIN:VCALENDAR");
        Line(text, "VERSION:2.0");
        Line(text, "PRODID:-//Caraway//Appointments//EN");
        Line(text, "CALSCALE:GREGORIAN");
        Line(text, "X-WR-CALNAME:" + Escaped("Appointments"));
        foreach (var row in appointments)
        {
            Line(text, "BEGIN:VEVENT");
            Line(text, string.Create(CultureInfo.InvariantCulture, $"UID:appointment-{row.Id}@caraway"));
            Line(text, "DTSTAMP:" + Utc(row.UpdatedAt!.Value));
            Line(text, "DTSTART:" + Utc(row.ScheduledTime!.Value));
            Line(text, "DTEND:" + Utc(row.EndsAt!.Value));
            Line(text, string.Create(CultureInfo.InvariantCulture, $"SEQUENCE:{row.Sequence}"));
            Line(text, "STATUS:" + row.Status switch { AppointmentStatus.Pending => "TENTATIVE", AppointmentStatus.Cancelled => "CANCELLED", _ => "CONFIRMED" });
            Line(text, "SUMMARY:" + Escaped("Appointment"));
            Line(text, "END:VEVENT");
        }

        Line(text, "END:VCALENDAR");
        return text.ToString();
    }

    /// <summary>RFC 5545, section 3.3.11.</summary>
    internal static string Escaped(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(";", "\\;", StringComparison.Ordinal).Replace(",", "\\,", StringComparison.Ordinal).ReplaceLineEndings("\\n");

    /// <summary>RFC 5545, section 3.1: at most 75 octets, what is longer goes on after a space; no character is cut.</summary>
    internal static void Line(StringBuilder text, string content)
    {
        var octets = 0;
        foreach (var rune in content.EnumerateRunes())
        {
            if (octets + rune.Utf8SequenceLength > LongestLine)
            {
                text.Append("\r\n ");
                octets = 1;
            }

            text.Append(rune.ToString());
            octets += rune.Utf8SequenceLength;
        }

        text.Append("\r\n");
    }

    /// <summary>Whole seconds, as the form has them.</summary>
    private static string Utc(DateTime time) => time.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
}
