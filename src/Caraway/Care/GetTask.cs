using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Care;

/// <summary><c>GET /api/v1/tasks/{id}</c>: the state of an appointment's confirmation.</summary>
internal static class GetTask
{
    internal const string Select = $"""
        select {AppointmentTask.Columns}
        from platform.jobs j join care.appointments a on a.id = substr(j.subject, length('care.appointment:') + 1)::bigint
        where j.id = @id and j.kind = 'schedule_appointment' and {CareScope.SeesAppointment}
        """;

    public static async Task<Results<Ok<AppointmentTask.Response>, Refusal>> Handle(
        RowId id, Caller caller, Database database, CancellationToken cancel)
    {
        var scope = CareScope.From(caller);
        return await database.First<AppointmentTask.Response>(Select, new { id = id.Value, scope.All, scope.Me }, cancel) is { } task
            ? TypedResults.Ok(task)
            : Refusal.NotFound(ProblemCodes.TaskNotFound, "Task not found");
    }
}
