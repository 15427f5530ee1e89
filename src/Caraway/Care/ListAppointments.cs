using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Caraway.Care;

/// <summary>
/// <c>GET /api/v1/appointments/patients/{patient_id}</c> and <c>/doctors/{doctor_id}</c>: a person's appointments, latest first. Who is
/// neither the person nor staff sees those that are his own, too, and is told that there is no such person when there are none.
/// </summary>
internal static class ListAppointments
{
    /// <param name="role">Whose list: patient or doctor.</param>
    /// <param name="whole">False for a caller who sees only what is his own as well, on the other side: two texts, each a walk down one index.</param>
    internal static string Select(string role, bool whole) => $"""
        select exists (select from identity.user_card where id = @id and (role = '{role}' or (@staff and exists (select from care.appointments where {role}_id = @id)))) as is_there;
        select {Appointment.Columns}
        from care.appointments a {Appointment.Persons}
        where a.{role}_id = @id and (a.scheduled_time, a.id) < (@Time, @Id2) {(whole ? "" : role == "doctor" ? "and a.patient_id = @Me" : "and a.doctor_id = @Me and exists (select from identity.user_card me where me.id = @Me and me.role = 'doctor')")}
        order by a.scheduled_time desc, a.id desc
        """;

    private static readonly (string Whole, string Part) OfPatientSql = (Select("patient", true), Select("patient", false));
    private static readonly (string Whole, string Part) OfDoctorSql = (Select("doctor", true), Select("doctor", false));

    public static Task<Results<Ok<List<Appointment.Response>>, Refusal>> OfPatient(
        [FromRoute(Name = "patient_id")] RowId patientId, string? limit, [Opaque] string? cursor, HttpContext http, Caller caller, AccessLog accesses, Database database, CancellationToken cancel) =>
        List(OfPatientSql, patientId, limit, cursor, Refusal.NotFound(ProblemCodes.UserNotFound, "Patient not found"), http, caller, accesses, database, cancel);

    public static Task<Results<Ok<List<Appointment.Response>>, Refusal>> OfDoctor(
        [FromRoute(Name = "doctor_id")] RowId doctorId, string? limit, [Opaque] string? cursor, HttpContext http, Caller caller, AccessLog accesses, Database database, CancellationToken cancel) =>
        List(OfDoctorSql, doctorId, limit, cursor, Refusal.NotFound(ProblemCodes.UserNotFound, "Doctor not found"), http, caller, accesses, database, cancel);

    private static async Task<Results<Ok<List<Appointment.Response>>, Refusal>> List(
        (string Whole, string Part) sql, RowId id, string? limit, string? cursor, Refusal notThere, HttpContext http, Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        if (TimePage.Read(limit, cursor, out var page) is { } refusal)
            return refusal;
        var scope = CareScope.Of(caller);
        var (exists, rows) = await database.Many(
            (scope.All || scope.Me == id.Value ? sql.Whole : sql.Part) + page.Take, new { id = id.Value, page.Time, Id2 = page.Id, staff = scope.All, scope.Me },
            async grid => (await grid.ReadSingleAsync<bool>(), (await grid.ReadAsync<Appointment.Row>()).AsList()), cancel);
        if (!exists || (rows.Count == 0 && !scope.All && scope.Me != id.Value && string.IsNullOrEmpty(cursor)))
            return notThere;
        page.Cut(rows, row => (row.ScheduledTime, row.Id), http);
        return accesses.Add(caller, CareScope.Appointments(rows)) is { } unrecorded ? unrecorded : TypedResults.Ok(rows.ConvertAll(row => row.Shown));
    }
}
