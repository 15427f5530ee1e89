using System.Globalization;
using System.Text.Json.Nodes;
using Caraway.Care.Contracts;
using Caraway.Identity.Contracts;
using Caraway.Platform.Http;
using Caraway.Platform.Security;

namespace Caraway.Care;

/// <summary>
/// An appointment as a request would leave it, and what follows from the change. <see cref="Decide"/> is a pure function: it reads nothing
/// but its arguments.
/// </summary>
internal sealed record AppointmentChange
{
    /// <summary>The appointment as it was read; the other members show it after the change.</summary>
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

    /// <summary>A confirmed appointment with a new time is confirmed again, for that time.</summary>
    public bool BecomesConfirmed =>
        Status == AppointmentStatus.Confirmed && (Before.Status != AppointmentStatus.Confirmed || IsRescheduled);

    public bool IsEmpty => Status == Before.Status && !IsRescheduled && !IsReassigned && Notes == Before.Notes;

    /// <summary>What the rules must know of the caller.</summary>
    internal sealed record Editor
    {
        public required bool MayWriteAll { get; init; }

        /// <summary>The signed-in user; null for a key.</summary>
        public required long? UserId { get; init; }

        public static Editor From(Caller caller) => new() { MayWriteAll = caller.May(CarePermissions.WriteAll), UserId = caller.UserId };
    }

    /// <summary>A change or a refusal: one of the two is null.</summary>
    internal readonly record struct Decision(AppointmentChange? Change, Refusal? Refusal)
    {
        public static implicit operator Decision(Refusal refusal) => new(null, refusal);

        public static implicit operator Decision(AppointmentChange change) => new(change, null);
    }

    public static Decision Decide(Appointment.Row row, UpdateAppointment.Request request, Editor editor, DateTime now)
    {
        var isRescheduled = request.ScheduledTime is { } time && time != row.ScheduledTime;
        // A rescheduled appointment is pending first, and takes the requested status from there.
        var from = isRescheduled ? AppointmentStatus.Pending : row.Status;
        var change = new AppointmentChange
        {
            Before = row,
            Status = request.Status ?? from,
            ScheduledTime = request.ScheduledTime ?? row.ScheduledTime,
            DoctorId = request.DoctorId ?? row.DoctorId,
            Notes = request.Notes ?? row.Notes,
        };
        if (!change.IsAllowed(editor))
            return Refusal.Forbidden("You may not change this part of the appointment.");
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
    /// Callers with <c>care:write_all</c> may do everything. The patient may reschedule, cancel and write notes; the doctor may confirm,
    /// complete, cancel and write notes. A new time needs a new confirmation, so a patient who reschedules cannot keep the status
    /// confirmed.
    /// </summary>
    private bool IsAllowed(Editor editor)
    {
        if (editor.MayWriteAll)
            return true;
        var isPatient = editor.UserId == Before.PatientId;
        // A user who is not a doctor any more has lost a doctor's rights.
        var isDoctor = editor.UserId is { } user && user == Before.DoctorId && Before.DoctorRole == Roles.Doctor;
        var confirmsOrCompletes = Status is AppointmentStatus.Confirmed or AppointmentStatus.Completed
            && (Status != Before.Status || IsRescheduled);
        if (IsReassigned || (IsRescheduled && !isPatient) || (confirmsOrCompletes && !isDoctor))
            return false;
        return isPatient || isDoctor;
    }

    /// <summary>
    /// The workflow allows confirmed to pending, which only rescheduling may do. <paramref name="from"/> is pending then, so a request for
    /// pending is legal without that transition.
    /// </summary>
    private static bool IsLegal(string from, string to) =>
        to == from || (to != AppointmentStatus.Pending && AppointmentStatus.Table.Allows(from, to));

    private static JsonObject Pair(JsonNode? before, JsonNode? after) => new() { ["before"] = before, ["after"] = after };

    private static string Format(DateTime time) => time.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture);
}
