using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Caraway.Care;

/// <summary><c>GET /api/v1/tasks/appointments/{appointment_id}</c>: the newest hundred tasks of an appointment, newest first.</summary>
internal static class ListTasks
{
    internal const string Select = $"""
        select exists (select from care.appointments a where a.id = @id and {CareScope.SeesAppointment});
        select {AppointmentTask.Columns}
        from platform.jobs j join care.appointments a on a.id = @id
        where j.subject = 'care.appointment:' || @id and j.kind = 'schedule_appointment' and {CareScope.SeesAppointment}
        order by j.id desc limit 100
        """;

    public static async Task<Results<Ok<List<AppointmentTask.Response>>, Refusal>> Handle(
        [FromRoute(Name = "appointment_id")] RowId appointmentId, Caller caller, Database database, CancellationToken cancel)
    {
        var scope = CareScope.From(caller);
        var (exists, tasks) = await database.Many(
            Select, new { id = appointmentId.Value, scope.All, scope.Me },
            async grid => (await grid.ReadSingleAsync<bool>(), (await grid.ReadAsync<AppointmentTask.Response>()).AsList()), cancel);
        return exists ? TypedResults.Ok(tasks) : AppointmentRules.NotFound;
    }
}
