using Caraway.Identity.Contracts;
using Caraway.Care.Contracts;
using System.Globalization;
using System.Text.Json.Nodes;
using Caraway.Platform.Http;
using Caraway.Platform.Security;

namespace Caraway.Care;

/// <summary>What a request makes of an appointment. Pure: the row, the request, the caller and the time decide.</summary>
internal sealed record AppointmentChange
{
    public required Appointment.Row Before { get; init; }

    public required string Status { get; init; }

    public required DateTime ScheduledTime { get; init; }

    public required long? DoctorId { get; init; }

    public required string? Notes { get; init; }

    public DateTime EndsAt => ScheduledTime.AddMinutes(Before.DurationMinutes);

    public bool IsRescheduled => ScheduledTime != Before.ScheduledTime;

    public bool IsReassigned => DoctorId != Before.DoctorId;

    /// <summary>Whether the appointment takes time in a calendar where it took none before.</summary>
    public bool TakesNewTime => Status != AppointmentStatus.Cancelled && (IsRescheduled || IsReassigned);

    public bool BecomesConfirmed =>
        Status == AppointmentStatus.Confirmed && (Before.Status != AppointmentStatus.Confirmed || IsRescheduled);

    public bool IsEmpty => Status == Before.Status && !IsRescheduled && !IsReassigned && Notes == Before.Notes;

    /// <summary>Who asks.</summary>
    internal sealed record Editor
    {
        public required bool IsStaff { get; init; }

        public required long? UserId { get; init; }

        public static Editor From(Caller caller) => new() { IsStaff = caller.May(CarePermissions.WriteAll), UserId = caller.UserId };
    }

    /// <summary>A change or a refusal: one of the two is null.</summary>
    internal readonly record struct Decision(AppointmentChange? Change, Refusal? Refusal)
    {
        public static implicit operator Decision(Refusal refusal) => new(null, refusal);

        public static implicit operator Decision(AppointmentChange change) => new(change, null);
    }

    public static Decision Decide(Appointment.Row row, UpdateAppointment.Request request, Editor editor, DateTime now)
    {
        if (!IsAllowed(row, request, editor))
            return Refusal.Forbidden("You may not change this part of the appointment.");
        var change = new AppointmentChange
        {
            Before = row,
            Status = row.Status,
            ScheduledTime = request.ScheduledTime ?? row.ScheduledTime,
            DoctorId = request.DoctorId ?? row.DoctorId,
            Notes = request.Notes ?? row.Notes,
        };
        // A rescheduled appointment is pending first, and takes the requested status from there.
        var from = change.IsRescheduled ? AppointmentStatus.Pending : row.Status;
        change = change with { Status = request.Status ?? from };
        var isFinal = AppointmentStatus.Table.From(row.Status).Count == 0;
        if ((isFinal && change.IsRescheduled) || !IsLegal(from, change.Status))
            return Refusal.Conflict(ProblemCodes.InvalidTransition, $"Invalid status transition {row.Status} -> {change.Status}");
        if (isFinal && change.IsReassigned)
            return Refusal.Conflict(ProblemCodes.InvalidTransition, $"The appointment is {row.Status}. Its doctor cannot change any more.");
        if (change.IsRescheduled && AppointmentRules.CheckTime(change.ScheduledTime, now) is { } wrongTime)
            return wrongTime;
        return change;
    }

    /// <summary>What changed, before and after, for the event. Of the notes it says only that they changed.</summary>
    public string ToPayload()
    {
        var changes = new JsonObject();
        if (Status != Before.Status)
            changes["status"] = Pair(Before.Status, Status);
        if (IsRescheduled)
            changes["scheduled_time"] = Pair(Format(Before.ScheduledTime), Format(ScheduledTime));
        if (IsReassigned)
            changes["doctor_id"] = Pair(Before.DoctorId, DoctorId);
        if (Notes != Before.Notes)
            changes["notes"] = new JsonObject { ["changed"] = true };
        var payload = new JsonObject
        {
            ["appointment_id"] = Before.Id, ["patient_id"] = Before.PatientId, ["doctor_id"] = DoctorId, ["changes"] = changes,
        };
        return payload.ToJsonString();
    }

    /// <summary>
    /// Patients reschedule, cancel and write notes. Doctors confirm, complete, cancel and write notes. Staff do all, for everybody. A new
    /// time needs a new confirmation, so a patient who reschedules cannot keep the status confirmed.
    /// </summary>
    private static bool IsAllowed(Appointment.Row row, UpdateAppointment.Request request, Editor editor)
    {
        if (editor.IsStaff)
            return true;
        var isPatient = editor.UserId == row.PatientId;
        var isDoctor = editor.UserId is { } me && me == row.DoctorId && row.DRole == Roles.Doctor;
        var reschedules = request.ScheduledTime is { } time && time != row.ScheduledTime;
        var reassigns = request.DoctorId is { } doctor && doctor != row.DoctorId;
        var needsDoctor = request.Status is AppointmentStatus.Confirmed or AppointmentStatus.Completed
            && (request.Status != row.Status || reschedules);
        return (isPatient || isDoctor) && !reassigns && (isPatient || !reschedules) && (isDoctor || !needsDoctor);
    }

    /// <summary>Only rescheduling leads back to pending, so the table's transition from confirmed to pending does not count here.</summary>
    private static bool IsLegal(string from, string to) =>
        to == from || (to != AppointmentStatus.Pending && AppointmentStatus.Table.Allows(from, to));

    private static JsonObject Pair(JsonNode? before, JsonNode? after) => new() { ["before"] = before, ["after"] = after };

    private static string Format(DateTime time) => time.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture);
}
