using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Ical.Net;
using Ical.Net.CalendarComponents;
using Ical.Net.DataTypes;
using Ical.Net.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Care;

/// <summary>
/// <c>GET /api/v1/calendars/{secret}.ics</c>: a person's appointments as iCalendar (RFC 5545), for calendar programs that know only the
/// address. It shows times, statuses and the word "Appointment", without reasons and names.
/// </summary>
internal static class GetCalendar
{
    private const string Extension = ".ics";
    private const string End = "END:VCALENDAR\r\n";

    internal const string Select = """
        select l.user_id, a.id, a.patient_id, a.scheduled_time, a.ends_at, a.status, a.sequence, a.updated_at
        from care.calendar_links l
        left join lateral (
            (select * from care.appointments p where p.patient_id = l.user_id and p.scheduled_time > @since
                order by p.scheduled_time desc limit 1000)
            union all
            (select * from care.appointments d where d.doctor_id = l.user_id and d.scheduled_time > @since
                order by d.scheduled_time desc limit 1000)
        ) a on true
        where l.token_hash = @hash and exists (select from identity.user_card u where u.id = l.user_id and u.is_active)
        order by a.scheduled_time, a.id
        """;

    /// <summary>A link with one of its appointments; only the user's id for a link without appointments.</summary>
    internal sealed record Row(
        long UserId, long? Id, long? PatientId, DateTime? ScheduledTime, DateTime? EndsAt, string? Status, int? Sequence,
        DateTime? UpdatedAt);

    public static async Task<Results<PushStreamHttpResult, Refusal>> Handle(
        string file, HttpContext http, AccessLog accesses, Database database, TimeProvider time, CancellationToken cancel)
    {
        var secret = file.EndsWith(Extension, StringComparison.Ordinal) ? file[..^Extension.Length] : file;
        var values = new { hash = CalendarLink.Hash(secret), since = time.GetUtcNow().UtcDateTime.AddDays(-90) };
        var rows = await database.List<Row>(Select, values, cancel);
        if (rows.Count == 0)
            return Refusal.NotFound(ProblemCodes.CalendarNotFound, "There is no such calendar.");
        var appointments = rows.FindAll(row => row.Id is not null);
        var name = string.Create(CultureInfo.InvariantCulture, $"calendar:{rows[0].UserId}");
        var caller = Caller.Create(http, name, FrozenSet<string>.Empty);
        var accessed = new AccessedRecords
        {
            Kind = "care.appointment",
            Ids = [.. appointments.Select(row => row.Id!.Value)],
            PatientIds = [.. appointments.Select(row => row.PatientId!.Value).Distinct()],
        };
        if (accesses.Add(caller, accessed) is { } unrecorded)
            return unrecorded;
        return TypedResults.Stream(body => Write(body, appointments.Select(ToEvent)), "text/calendar; charset=utf-8");
    }

    internal static CalendarEvent ToEvent(Row row) => new()
    {
        Uid = string.Create(CultureInfo.InvariantCulture, $"appointment-{row.Id}@caraway"),
        DtStamp = new CalDateTime(row.UpdatedAt!.Value),
        Start = new CalDateTime(row.ScheduledTime!.Value),
        End = new CalDateTime(row.EndsAt!.Value),
        Sequence = row.Sequence!.Value,
        Status = row.Status switch
        {
            AppointmentStatus.Pending => EventStatus.Tentative,
            AppointmentStatus.Cancelled => EventStatus.Cancelled,
            _ => EventStatus.Confirmed,
        },
        Summary = "Appointment",
    };

    /// <summary>Writes one event at a time, so that a large calendar is never in memory as a whole.</summary>
    internal static async Task Write(Stream body, IEnumerable<CalendarEvent> events)
    {
        var calendar = new Ical.Net.Calendar { ProductId = "-//Caraway//Appointments//EN", Scale = CalendarScales.Gregorian };
        calendar.AddProperty("X-WR-CALNAME", "Appointments");
        var frame = new CalendarSerializer().SerializeToString(calendar)!;
        var serializer = new EventSerializer();
        await using var writer = new StreamWriter(body, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true);
        await writer.WriteAsync(frame.AsMemory(0, frame.Length - End.Length));
        foreach (var entry in events)
            await writer.WriteAsync(serializer.SerializeToString(entry));
        await writer.WriteAsync(End);
    }
}
