using Caraway.Care.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Jobs;
using Caraway.Platform.Search;
using Caraway.Platform.Security;
using Caraway.Platform.Workflows;

namespace Caraway.Care;

/// <summary>
/// Appointments with their background tasks, lab results, doctors' availability and calendars: every route with its permission, and every
/// registration.
/// </summary>
internal static class CareModule
{
    /// <summary>
    /// The sizes of the module's lists (docs/contracts/care.md). The default is the most, because clients of the earlier API send no limit.
    /// </summary>
    internal static PageSizes Pages { get; } = new() { DefaultSize = 200, MaxSize = 200 };

    public static IServiceCollection AddCare(this IServiceCollection services)
    {
        services.AddOptions<CareOptions>().BindConfiguration("Care").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<AvailabilityCache>();
        services.AddWorkflow(AppointmentStatus.Table);
        services.AddJob<ScheduleAppointment>(ScheduleAppointment.Queue);
        services.AddJob<RemindAppointment>(RemindAppointment.Queue);
        services.AddEventHandler<IndexAppointmentWords>();
        services.AddSearchSource<SearchAppointments>();
        services.AddSearchSource<SearchPatients>();
        services.AddTimeline(CareEvents.Timeline);
        return services;
    }

    public static void MapCare(this IEndpointRouteBuilder app)
    {
        var routes = app.MapGroup("/api/v1").WithTags("Care");

        routes.MapPost("/appointments", BookAppointment.Handle)
            .Needs(CarePermissions.Write)
            .TakesIdempotencyKey()
            .Refuses(400, 401, 403, 409, 413, 415, 422)
            .WithSummary("Book an appointment and queue its confirmation")
            .WithExample("""
                {
                  "patient_id": 2, "doctor_id": 3, "scheduled_time": "2035-03-05T09:00:00Z", "duration_minutes": 30,
                  "reason": "First consultation"
                }
                """);

        routes.MapGet("/appointments/{id}", GetAppointment.Handle)
            .Needs(CarePermissions.Read)
            .Refuses(401, 403, 404)
            .WithSummary("Get an appointment");

        routes.MapPatch("/appointments/{id}", UpdateAppointment.Handle)
            .Needs(CarePermissions.Write)
            .WithMetadata(new TakesIfMatch())
            .Refuses(400, 401, 403, 404, 409, 412, 413, 415, 422)
            .WithSummary("Reschedule, confirm, complete, cancel or reassign an appointment")
            .WithExample("""{"notes": "Please bring the referral letter."}""");

        routes.MapGet("/appointments/patients/{patient_id}", ListAppointments.ForPatient)
            .Needs(CarePermissions.Read)
            .Refuses(401, 403, 404, 422)
            .WithSummary("List a patient's appointments, latest first");

        routes.MapGet("/appointments/doctors/{doctor_id}", ListAppointments.ForDoctor)
            .Needs(CarePermissions.Read)
            .Refuses(401, 403, 404, 422)
            .WithSummary("List a doctor's appointments, latest first");

        routes.MapGet("/tasks/{id}", GetTask.Handle)
            .Needs(CarePermissions.Read)
            .Refuses(401, 403, 404)
            .WithSummary("Get the state of an appointment's confirmation");

        routes.MapGet("/tasks/appointments/{appointment_id}", ListTasks.Handle)
            .Needs(CarePermissions.Read)
            .Refuses(401, 403, 404)
            .WithSummary("List an appointment's tasks, newest first");

        routes.MapPost("/lab-results", AddLabResult.Handle)
            .Needs(CarePermissions.Write)
            .TakesIdempotencyKey()
            .Refuses(400, 401, 403, 409, 413, 415, 422)
            .WithSummary("Record a lab result")
            .WithExample("""
                {
                  "patient_id": 2, "test_name": "Potassium", "recorded_at": "2026-11-02T08:30:00Z",
                  "result_data": {"value": 5.1, "unit": "mmol/L", "reference_range": {"low": 3.5, "high": 5.0}}
                }
                """);

        routes.MapGet("/lab-results/{id}", GetLabResult.Handle)
            .Needs(CarePermissions.Read)
            .Refuses(401, 403, 404)
            .WithSummary("Get a lab result");

        routes.MapGet("/lab-results/patients/{patient_id}", ListLabResults.Handle)
            .Needs(CarePermissions.Read)
            .Refuses(401, 403, 404, 422)
            .WithSummary("List a patient's lab results, latest first");

        routes.MapPut("/doctors/{id}/availability", SetAvailability.Handle)
            .Needs(CarePermissions.Write)
            .WithMetadata(new TakesIfMatch())
            .Refuses(400, 401, 403, 404, 412, 413, 415, 422)
            .WithSummary("Set when a doctor can be booked")
            .WithExample("""
                {
                  "time_zone": "Europe/Copenhagen",
                  "weekly": [{"day": "monday", "from": "08:00", "to": "16:00"}, {"day": "thursday", "from": "08:00", "to": "12:00"}],
                  "exceptions": [{"date": "2035-12-24", "from": null, "to": null}]
                }
                """);

        routes.MapGet("/doctors/{id}/availability", GetAvailability.Handle)
            .Needs(CarePermissions.Read)
            .Refuses(401, 403, 404)
            .WithSummary("Get the times at which a doctor can be booked");

        routes.MapGet("/doctors/{id}/free-slots", ListFreeSlots.Handle)
            .Needs(CarePermissions.Read)
            .Refuses(401, 403, 404, 422)
            .WithSummary("List the free times of a doctor");

        routes.MapPost("/users/{id}/calendar-link", CalendarLink.Create)
            .Needs(CarePermissions.Write)
            .Refuses(401, 403, 404)
            .WithSummary("Make a secret calendar address and revoke the one before");

        routes.MapDelete("/users/{id}/calendar-link", CalendarLink.Revoke)
            .Needs(CarePermissions.Write)
            .Refuses(401, 403, 404)
            .WithSummary("Revoke the secret calendar address");

        routes.MapGet("/calendars/{file}", GetCalendar.Handle)
            .AllowAnonymous()
            .Produces<string>(200, "text/calendar")
            .Refuses(404)
            .WithSummary("Get the appointments as iCalendar at a secret address");
    }
}
