using Caraway.Identity.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Security;

namespace Caraway.Patients;

/// <summary>A patient's record across modules: every route, with its permission, and every registration.</summary>
internal static class PatientsModule
{
    public static IServiceCollection AddPatients(this IServiceCollection services) => services.AddEventHandler<PatientTimelines>();

    public static void MapPatients(this IEndpointRouteBuilder app)
    {
        var routes = app.MapGroup("/api/v1/patients").WithTags("Patients");

        routes.MapGet("/{id}/timeline", GetPatientTimeline.Handle)
            .Needs(IdentityPermissions.AccountRead, or: IdentityPermissions.UsersRead)
            .Refuses(401, 403, 404, 422)
            .WithSummary("List the events of a patient's record, newest first");

        routes.MapGet("/{id}/access-log", GetPatientAccessLog.Handle)
            .Needs(IdentityPermissions.AccountRead, or: Permission.AuditRead)
            .Refuses(401, 403, 404, 422)
            .WithSummary("List who saw a patient's data, when and why");
    }
}
