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

    /// <summary>The events that a patient's timeline shows, with the fields that the patient sees.</summary>
    public static IReadOnlyList<TimelineRule> Timeline { get; } =
    [
        new(AppointmentCreated, CarePermissions.ReadAll, ["appointment_id", "doctor_id", "scheduled_time"]),
        new(AppointmentUpdated, CarePermissions.ReadAll, ["appointment_id", "changes"]),
        new(AppointmentReminderDue, CarePermissions.ReadAll, ["appointment_id", "doctor_id", "scheduled_time"]),
        new(LabResultCreated, CarePermissions.ReadAll, ["lab_result_id", "test_name"]),
    ];
}
