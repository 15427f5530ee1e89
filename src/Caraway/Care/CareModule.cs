using Caraway.Care.Contracts;
using Caraway.Platform.Http;
using Caraway.Platform.Jobs;
using Caraway.Platform.Security;

namespace Caraway.Care;

/// <summary>Appointments, lab results, background tasks: every route, with its permission, and every registration.</summary>
internal static class CareModule
{
    public static IServiceCollection AddCare(this IServiceCollection services)
    {
        services.AddOptions<CareOptions>().BindConfiguration("Care").ValidateDataAnnotations().ValidateOnStart();
        foreach (var rule in CareEvents.Timeline)
            services.AddSingleton(rule);
        return services.AddSingleton(AppointmentStatus.Table).AddSingleton<AvailabilityCache>()
            .AddJob<ScheduleAppointment>(ScheduleAppointment.Queue).AddJob<RemindAppointment>(RemindAppointment.Queue);
    }

    public static void MapCare(this IEndpointRouteBuilder app)
    {
        var routes = app.MapGroup("/api/v1").WithTags("Care");

        routes.MapPost("/appointments", BookAppointment.Handle).Needs(Permission.CareWrite).TakesIdempotencyKey().Refuses(400, 401, 403, 409, 413, 415, 422).WithSummary("Book an appointment; its confirmation is queued");
        routes.MapGet("/appointments/{id}", GetAppointment.Handle).Needs(Permission.CareRead).Refuses(401, 403, 404).WithSummary("An appointment");
        routes.MapPatch("/appointments/{id}", UpdateAppointment.Handle).Needs(Permission.CareWrite).WithMetadata(new TakesIfMatch()).Refuses(400, 401, 403, 404, 409, 412, 413, 415, 422).WithSummary("Reschedule, confirm, complete, cancel or assign an appointment");
        routes.MapGet("/appointments/patients/{patient_id}", ListAppointments.OfPatient).Needs(Permission.CareRead).Refuses(401, 403, 404, 422).WithSummary("A patient's appointments, latest first");
        routes.MapGet("/appointments/doctors/{doctor_id}", ListAppointments.OfDoctor).Needs(Permission.CareRead).Refuses(401, 403, 404, 422).WithSummary("A doctor's appointments, latest first");
        routes.MapGet("/tasks/{id}", GetTask.Handle).Needs(Permission.CareRead).Refuses(401, 403, 404).WithSummary("How far an appointment's confirmation is");
        routes.MapGet("/tasks/appointments/{appointment_id}", ListTasks.Handle).Needs(Permission.CareRead).Refuses(401, 403, 404).WithSummary("An appointment's tasks, newest first");
        routes.MapPost("/lab-results", AddLabResult.Handle).Needs(Permission.CareWrite).TakesIdempotencyKey().Refuses(400, 401, 403, 409, 413, 415, 422).WithSummary("Record a lab result");
        routes.MapGet("/lab-results/{id}", GetLabResult.Handle).Needs(Permission.CareRead).Refuses(401, 403, 404).WithSummary("A lab result");
        routes.MapGet("/lab-results/patients/{patient_id}", ListLabResults.Handle).Needs(Permission.CareRead).Refuses(401, 403, 404, 422).WithSummary("A patient's lab results, latest first");
        routes.MapPut("/doctors/{id}/availability", SetAvailability.Handle).Needs(Permission.CareWrite).WithMetadata(new TakesIfMatch()).Refuses(400, 401, 403, 404, 412, 413, 415, 422).WithSummary("Say when a doctor can be booked");
        routes.MapGet("/doctors/{id}/availability", GetAvailability.Handle).Needs(Permission.CareRead).Refuses(401, 403, 404).WithSummary("When a doctor can be booked");
        routes.MapGet("/doctors/{id}/free-slots", ListFreeSlots.Handle).Needs(Permission.CareRead).Refuses(401, 403, 404, 422).WithSummary("Where an appointment fits");
        routes.MapPost("/users/{id}/calendar-link", CalendarLink.Create).Needs(Permission.CareWrite).Refuses(401, 403, 404).WithSummary("Make a secret calendar address; the one before ends");
        routes.MapDelete("/users/{id}/calendar-link", CalendarLink.Revoke).Needs(Permission.CareWrite).Refuses(401, 403, 404).WithSummary("Revoke the calendar address");
        routes.MapGet("/calendars/{file}", GetCalendar.Handle).AllowAnonymous().Refuses(404).WithSummary("Appointments as iCalendar, at a secret address");
    }
}
