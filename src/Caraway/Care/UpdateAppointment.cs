using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json.Nodes;
using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Care;

/// <summary>
/// <c>PATCH /api/v1/appointments/{id}</c>: reschedules, confirms, completes, cancels, assigns. Reads the row, decides, and writes only onto
/// the version that it decided on.
/// </summary>
internal static class UpdateAppointment
{
    private const int Tries = 10;

    public sealed record Request
    {
        /// <summary>In the future. Another time than before makes a confirmed appointment pending, and queues a new confirmation.</summary>
        public DateTime? ScheduledTime { get; init; }

        [AllowedValues(
            null, AppointmentStatus.Pending, AppointmentStatus.Confirmed, AppointmentStatus.Completed, AppointmentStatus.Cancelled,
            ErrorMessage = "The status must be one of pending, confirmed, completed, cancelled.")]
        public string? Status { get; init; }

        [Text(BookAppointment.NotesLength, AllowEmpty = true, AllowBlank = true)]
        public string? Notes { get; init; }

        /// <summary>An active user with the role doctor.</summary>
        public long? DoctorId { get; init; }
    }

    /// <summary>What the appointment becomes.</summary>
    internal sealed record Change(string Status, DateTime ScheduledTime, long? DoctorId, string? Notes, bool IsRescheduled)
    {
        public static Change Of(Appointment.Row row, Request request) => new(
            request.Status ?? row.Status, request.ScheduledTime ?? row.ScheduledTime, request.DoctorId ?? row.DoctorId, request.Notes ?? row.Notes,
            IsRescheduled: request.ScheduledTime is { } time && time != row.ScheduledTime);
    }

    /// <summary>The write, onto the version that was read; the jobs that follow from it; the event.</summary>
    internal const string Write = $"""
        with {Appointment.Locked}, changed as (
            update care.appointments a
            set status = @Status, scheduled_time = @ScheduledTime, ends_at = @ends, doctor_id = @doctorId, notes = @Notes,
                doctor_given_by = case when a.doctor_id is distinct from @doctorId then @caller else a.doctor_given_by end,
                sequence = a.sequence + 1, version = a.version + 1, updated_at = @now
            from (select count(*) from locked) l
            where a.id = @id and a.version = @version
                and (@doctorId is not distinct from a.doctor_id or exists (select from identity.user_card where id = @doctorId and role = 'doctor' and is_active))
                and (not @movesCalendar or coalesce((select version from care.availability where doctor_id = @doctorId), 0) = @availability)
            returning a.*
        ), dropped as (
            delete from platform.jobs j using changed c
            where j.kind = 'remind_appointment' and j.subject = 'care.appointment:' || c.id and j.state = 'queued' and c.status <> 'confirmed'
        ), queued as (
            insert into platform.jobs (queue, kind, subject, payload, run_at, created_at, updated_at)
            select 'appointments', 'schedule_appointment', 'care.appointment:' || id, json_build_object('appointment_id', id)::text, @now, @now, @now
            from changed where @isRescheduled and status = 'pending'
            on conflict (kind, subject) where state = 'queued' and attempt = 0 do nothing
        ), reminded as (
            {RemindAppointment.Plan} from changed where status = 'confirmed' and @becomesConfirmed
            {RemindAppointment.OrMove}
        ), logged as (
            insert into platform.events (at, name, subject, actor, request_id, address, payload)
            select @now, 'appointment.updated', 'care.appointment:' || id, @caller, @RequestId, @Address, @payload from changed
        )
        select {Appointment.Columns} from changed a {Appointment.Persons}
        """;

    public static async Task<Results<Tagged<Appointment.Response>, Refusal>> Handle(
        RowId id, Request request, HttpRequest http, Caller caller, AvailabilityCache availabilities, AccessLog accesses, IOptions<CareOptions> options, Database database, JobSignal jobs, TimeProvider time, CancellationToken cancel)
    {
        var (versions, scope) = (ETag.IfMatch(http), CareScope.Of(caller));
        for (var tries = 0; tries < Tries; tries++)
        {
            var now = time.GetUtcNow().UtcDateTime;
            if (await database.First<Appointment.Row>(GetAppointment.Select, new { id = id.Value, scope.All, scope.Me }, cancel) is not { } row)
                return GetAppointment.NotThere;
            if (versions?.Contains(row.Version) == false)
                return Refusal.Stale();
            if (NotAllowed(request, row, caller) is { } forbidden)
                return forbidden;
            var change = Change.Of(row, request);
            if (!TryDecide(row, request, ref change))
                return change.Status == row.Status && !change.IsRescheduled
                    ? Refusal.Conflict(ProblemCodes.InvalidTransition, $"The appointment is {row.Status} and gets no other doctor.")
                    : Refusal.Conflict(ProblemCodes.InvalidTransition, $"Invalid status transition {row.Status} -> {change.Status}");
            if (change.IsRescheduled && BookAppointment.WrongTime(change.ScheduledTime, now) is { } wrong)
                return wrong;
            if (accesses.Add(caller, CareScope.Appointments([row])) is { } unrecorded)
                return unrecorded;
            var payload = Payload(row, change);
            if (payload is null)
                return new Tagged<Appointment.Response>(row.Tag, row.Shown);

            var ends = change.ScheduledTime.AddMinutes(row.DurationMinutes);
            var movesCalendar = change.Status != AppointmentStatus.Cancelled && (change.IsRescheduled || change.DoctorId != row.DoctorId);
            var availability = movesCalendar && change.DoctorId is { } doctor ? await availabilities.Of(doctor, fresh: tries > 0, cancel) : Availability.Unset;
            if (movesCalendar && !availability.Covers(change.ScheduledTime, ends))
            {
                // What is remembered may be old.
                if (tries == 0)
                    continue;
                return BookAppointment.NotAvailable;
            }

            Appointment.Row? changed;
            try
            {
                changed = await database.First<Appointment.Row>(
                    Write,
                    new
                    {
                        id = row.Id, version = row.Version, change.Status, change.ScheduledTime, ends, doctorId = change.DoctorId, patientId = row.PatientId, change.Notes, movesCalendar,
                        isRescheduled = change.IsRescheduled, becomesConfirmed = change.Status == AppointmentStatus.Confirmed && (row.Status != AppointmentStatus.Confirmed || change.IsRescheduled),
                        lead = TimeSpan.FromMinutes(options.Value.ReminderMinutes), availability = availability.Version, payload, now, caller = caller.Id, caller.RequestId, caller.Address,
                    },
                    cancel);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ExclusionViolation)
            {
                return BookAppointment.Taken(e);
            }

            if (changed is not null)
            {
                database.AfterCommit(() => jobs.Queued(ScheduleAppointment.Queue));
                return new Tagged<Appointment.Response>(changed.Tag, changed.Shown);
            }

            // Somebody else was faster, and the next round decides anew; or the doctor is none.
            if (change.DoctorId is { } named && change.DoctorId != row.DoctorId && !await database.First<bool>(AvailabilityCache.IsActiveDoctor, new { doctorId = named }, cancel))
                return BookAppointment.NoDoctor;
        }

        return Refusal.Conflict(ProblemCodes.ConcurrentChange, "The appointment is being changed by others. Read it again.");
    }

    /// <summary>Patients reschedule and cancel theirs and keep notes; doctors confirm, complete and cancel theirs and keep notes; staff do all.</summary>
    internal static Refusal? NotAllowed(Request request, Appointment.Row row, Caller caller)
    {
        if (caller.May(Permission.CareWriteAll))
            return null;
        var asPatient = caller.UserId == row.PatientId;
        var asDoctor = caller.UserId is { } me && me == row.DoctorId && row.DRole == Roles.Doctor;
        return (request.DoctorId is not null && request.DoctorId != row.DoctorId)
            || (request.ScheduledTime is { } time && time != row.ScheduledTime && !asPatient)
            || (request.Status is AppointmentStatus.Confirmed or AppointmentStatus.Completed && request.Status != row.Status && !asDoctor)
            || !(asPatient || asDoctor)
            ? Refusal.Forbidden("You may not change this of the appointment.")
            : null;
    }

    /// <summary>The workflow's answer. What is rescheduled is pending first, and moves on from there if the request says so.</summary>
    /// <returns>False when the move is not legal; the change then names the status that it would have come to.</returns>
    internal static bool TryDecide(Appointment.Row row, Request request, ref Change change)
    {
        var from = row.Status;
        var isFinal = AppointmentStatus.Table.From(from).Count == 0;
        if (change.IsRescheduled)
        {
            change = change with { Status = request.Status ?? AppointmentStatus.Pending };
            if (isFinal)
                return false;
            from = AppointmentStatus.Pending;
            return change.Status == from || AppointmentStatus.Table.Allows(from, change.Status);
        }

        if (change.Status == from)
            return !(isFinal && change.DoctorId != row.DoctorId);
        // Back to pending leads rescheduling alone.
        return change.Status != AppointmentStatus.Pending && AppointmentStatus.Table.Allows(from, change.Status);
    }

    /// <summary>What changed, before and after; of notes only that they did. Null when nothing does.</summary>
    private static string? Payload(Appointment.Row row, Change change)
    {
        var changes = new JsonObject();
        if (change.Status != row.Status)
            changes["status"] = Pair(row.Status, change.Status);
        if (change.ScheduledTime != row.ScheduledTime)
            changes["scheduled_time"] = Pair(Text(row.ScheduledTime), Text(change.ScheduledTime));
        if (change.DoctorId != row.DoctorId)
            changes["doctor_id"] = Pair(row.DoctorId, change.DoctorId);
        if (change.Notes != row.Notes)
            changes["notes"] = new JsonObject { ["changed"] = true };
        return changes.Count == 0 ? null : new JsonObject { ["appointment_id"] = row.Id, ["patient_id"] = row.PatientId, ["doctor_id"] = change.DoctorId, ["changes"] = changes }.ToJsonString();
    }

    private static JsonObject Pair(JsonNode? before, JsonNode? after) => new() { ["before"] = before, ["after"] = after };

    private static string Text(DateTime time) => time.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture);
}
