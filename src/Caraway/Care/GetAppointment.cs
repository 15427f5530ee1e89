using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Care;

/// <summary><c>GET /api/v1/appointments/{id}</c>.</summary>
internal static class GetAppointment
{
    internal const string Select = $"""
        select {Appointment.Columns} from care.appointments a {Appointment.Persons} where a.id = @id and {CareScope.SeesAppointment}
        """;

    public static async Task<Results<Tagged<Appointment.Response>, Refusal>> Handle(
        RowId id, Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        var scope = CareScope.From(caller);
        if (await database.First<Appointment.Row>(Select, new { id = id.Value, scope.All, scope.Me }, cancel) is not { } row)
            return AppointmentRules.NotFound;
        return accesses.Add(caller, CareScope.Accessed([row])) is { } unrecorded
            ? unrecorded
            : new Tagged<Appointment.Response>(row.Tag, row.ToResponse());
    }
}
