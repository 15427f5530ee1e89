using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Caraway.Care;

/// <summary>
/// <c>GET /api/v1/appointments/patients/{patient_id}</c> and <c>/doctors/{doctor_id}</c>: a person's appointments, latest first. A caller
/// who is neither the person nor staff sees only the appointments that are also the caller's own, and 404 when there are none.
/// </summary>
internal static class ListAppointments
{
    /// <summary>A list as one side sees it: the whole list, or the caller's part of it. Each text is a walk down one index.</summary>
    internal sealed record Side(string Whole, string Part, Refusal NotFound);

    internal static Side Patients { get; } = new(
        Whole: Select(CareUsers.Patients, "a.patient_id = @id"),
        Part: Select(CareUsers.Patients, $"a.patient_id = @id and a.doctor_id = @Me and {CareUsers.CallerIsDoctor}"),
        NotFound: Refusal.NotFound(ProblemCodes.UserNotFound, "Patient not found"));

    internal static Side Doctors { get; } = new(
        Whole: Select(CareUsers.Doctors, "a.doctor_id = @id"),
        Part: Select(CareUsers.Doctors, "a.doctor_id = @id and a.patient_id = @Me"),
        NotFound: GetAvailability.NoDoctor);

    public static Task<Results<Ok<List<Appointment.Response>>, Refusal>> ForPatient(
        [FromRoute(Name = "patient_id")] RowId patientId, string? limit, [Opaque] string? cursor,
        HttpContext http, Caller caller, AccessLog accesses, Database database, CancellationToken cancel) =>
        List(Patients, patientId, limit, cursor, http, caller, accesses, database, cancel);

    public static Task<Results<Ok<List<Appointment.Response>>, Refusal>> ForDoctor(
        [FromRoute(Name = "doctor_id")] RowId doctorId, string? limit, [Opaque] string? cursor,
        HttpContext http, Caller caller, AccessLog accesses, Database database, CancellationToken cancel) =>
        List(Doctors, doctorId, limit, cursor, http, caller, accesses, database, cancel);

    /// <summary>The first result says whether the person exists. Staff also find persons who had appointments in a former role.</summary>
    private static string Select(string users, string appointments) => $"""
        select exists (select from {users} u where u.id = @id)
            or (@staff and exists (select from care.appointments a where {appointments}));
        select {Appointment.Columns}
        from care.appointments a {Appointment.Persons}
        where {appointments} and (a.scheduled_time, a.id) < (@Time, @Id2)
        order by a.scheduled_time desc, a.id desc
        """;

    private static async Task<Results<Ok<List<Appointment.Response>>, Refusal>> List(
        Side side, RowId id, string? limit, string? cursor,
        HttpContext http, Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        if (TimePage.Read(limit, cursor, CareModule.Pages, out var page) is { } refusal)
            return refusal;
        var scope = CareScope.From(caller);
        var seesAll = scope.All || scope.Me == id.Value;
        var (exists, rows) = await database.Many(
            (seesAll ? side.Whole : side.Part) + page.Take, new { id = id.Value, page.Time, Id2 = page.Id, staff = scope.All, scope.Me },
            async grid => (await grid.ReadSingleAsync<bool>(), (await grid.ReadAsync<Appointment.Row>()).AsList()), cancel);
        var hidesPerson = !seesAll && rows.Count == 0 && string.IsNullOrEmpty(cursor);
        if (!exists || hidesPerson)
            return side.NotFound;
        page.Cut(rows, row => (row.ScheduledTime, row.Id), http);
        return accesses.Add(caller, CareScope.Accessed(rows)) is { } unrecorded
            ? unrecorded
            : TypedResults.Ok(rows.ConvertAll(row => row.ToResponse()));
    }
}
