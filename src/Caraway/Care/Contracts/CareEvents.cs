using Caraway.Platform.Events;

namespace Caraway.Care.Contracts;

/// <summary>The events that Care raises. docs/events.md describes them and their payloads.</summary>
internal static class CareEvents
{
    public const string AppointmentCreated = "appointment.created";
    public const string AppointmentUpdated = "appointment.updated";
    public const string AppointmentReminderDue = "appointment.reminder_due";
    public const string LabResultCreated = "lab_result.created";
    public const string AvailabilityChanged = "availability.changed";
    public const string CalendarLinkCreated = "calendar_link.created";
    public const string CalendarLinkRevoked = "calendar_link.revoked";

    public static IReadOnlyList<string> All { get; } =
    [
        AppointmentCreated, AppointmentUpdated, AppointmentReminderDue, LabResultCreated, AvailabilityChanged,
        CalendarLinkCreated, CalendarLinkRevoked,
    ];

    /// <summary>
    /// The events of patients' timelines. Callers with the permission see the whole event, patients these fields. The other events say
    /// nothing about a patient's care.
    /// </summary>
    public static IReadOnlyList<TimelineRule> Timeline { get; } =
    [
        new(AppointmentCreated, CarePermissions.ReadAll, PatientSees: ["appointment_id", "doctor_id", "scheduled_time"]),
        new(AppointmentUpdated, CarePermissions.ReadAll, PatientSees: ["appointment_id", "changes"]),
        new(AppointmentReminderDue, CarePermissions.ReadAll, PatientSees: ["appointment_id", "doctor_id", "scheduled_time"]),
        new(LabResultCreated, CarePermissions.ReadAll, PatientSees: ["lab_result_id", "test_name"]),
    ];
}
