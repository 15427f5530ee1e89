using System.ComponentModel.DataAnnotations;
using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Care;

/// <summary>
/// <c>PATCH /api/v1/appointments/{id}</c>: reschedules, confirms, completes, cancels or reassigns an appointment. Reads the row, decides
/// (<see cref="AppointmentChange.Decide"/>), and writes only onto the version that it read.
/// </summary>
internal static class UpdateAppointment
{
    /// <summary>Each try after the first follows a write of somebody else in between.</summary>
    private const int Tries = 10;

    public sealed record Request
    {
        /// <summary>In the future. Another time makes a confirmed appointment pending and queues a new confirmation.</summary>
        public DateTime? ScheduledTime { get; init; }

        [AllowedValues(
            null, AppointmentStatus.Pending, AppointmentStatus.Confirmed, AppointmentStatus.Completed, AppointmentStatus.Cancelled,
            ErrorMessage = "The status must be one of pending, confirmed, completed, cancelled.")]
        public string? Status { get; init; }

        [Text(AppointmentRules.NotesLength, AllowEmpty = true, AllowBlank = true)]
        public string? Notes { get; init; }

        /// <summary>An active user with the role doctor.</summary>
        public long? DoctorId { get; init; }
    }

    /// <summary>
    /// Changes the version that was read, with the jobs that follow from the change, and the event. Returns no row when the version, the
    /// doctor or the doctor's availability is not what the program decided on.
    /// </summary>
    internal const string Write = $"""
        with {Appointment.Locked}, changed as (
            update care.appointments a
            set status = @Status, scheduled_time = @ScheduledTime, ends_at = @EndsAt, doctor_id = @doctorId, notes = @Notes,
                doctor_given_by = case when a.doctor_id is distinct from @doctorId then @caller else a.doctor_given_by end,
                sequence = a.sequence + 1, version = a.version + 1, updated_at = @now
            from (select count(*) from locked) l
            where a.id = @id and a.version = @version
                and (@doctorId is not distinct from a.doctor_id or {CareUsers.DoctorIsActive})
                and (not @takesNewTime or {Appointment.AvailabilityIsCurrent})
                and {Appointment.IsWithinLimits}
            returning a.*
        ), dropped as (
            delete from platform.jobs j using changed c
            where j.kind = 'remind_appointment' and j.subject = 'care.appointment:' || c.id
                and j.state = 'queued' and c.status <> 'confirmed'
        ), queued as (
            {JobQueue.Insert}
            select 'appointments', 'schedule_appointment', 'care.appointment:' || id, json_build_object('appointment_id', id)::text,
                @now, @now, @now
            from changed where @isRescheduled and status = 'pending'
            {JobQueue.OnConflict} do nothing
        ), reminded as (
            {RemindAppointment.Plan} from changed where status = 'confirmed' and @becomesConfirmed
            {RemindAppointment.OrReschedule}
        ), logged as (
            {EventSql.Insert}
            select @now, 'appointment.updated', 'care.appointment:' || id, @caller, @RequestId, @Address, @payload from changed
        )
        select {Appointment.Columns} from changed a {Appointment.Persons}
        """;

    private const string Explain = $"""
        select {CareUsers.DoctorIsActive} as is_doctor, {Appointment.IsWithinLimits} as is_within_limits
        """;

    private sealed record Found(bool IsDoctor, bool IsWithinLimits);

    public static async Task<Results<Tagged<Appointment.Response>, Refusal>> Handle(
        RowId id, Request request, HttpRequest http, Caller caller, AvailabilityCache availabilities, AccessLog accesses,
        IOptions<CareOptions> options, Database database, JobSignal jobs, TimeProvider time, CancellationToken cancel)
    {
        if (accesses.Check(caller) is { } unrecordable)
            return unrecordable;
        var (versions, scope, editor) = (ETag.IfMatch(http), CareScope.From(caller), AppointmentChange.Editor.From(caller));
        for (var tries = 0; tries < Tries; tries++)
        {
            var now = time.GetUtcNow().UtcDateTime;
            var seen = new { id = id.Value, scope.All, scope.Me };
            if (await database.First<Appointment.Row>(GetAppointment.Select, seen, cancel) is not { } row)
                return AppointmentRules.NotFound;
            if (versions?.Contains(row.Version) == false)
                return Refusal.Stale();
            var (change, refusal) = AppointmentChange.Decide(row, request, editor, now);
            if (change is null)
                return refusal!;
            if (change.IsEmpty)
                return Show(row, caller, accesses);

            var availability = change is { TakesNewTime: true, DoctorId: { } doctor }
                ? await availabilities.Get(doctor, fresh: tries > 0, cancel)
                : Availability.Unset;
            if (change.TakesNewTime && !availability.Covers(change.ScheduledTime, change.EndsAt))
            {
                // The cached availability may be old.
                if (tries == 0)
                    continue;
                return AppointmentRules.NotAvailable;
            }

            var isLimited = change.IsRescheduled && !editor.MayWriteAll && editor.UserId == row.PatientId;
            var values = Values(change, isLimited, availability, caller, options.Value, now);
            try
            {
                if (await Appointment.Write(Write, isLimited, values, database, cancel) is { } changed)
                {
                    database.AfterCommit(() => jobs.Queued(ScheduleAppointment.Queue));
                    return Show(changed, caller, accesses);
                }
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ExclusionViolation)
            {
                return AppointmentRules.Taken(e, caller, row.PatientId);
            }

            // The change is not allowed, or another request was faster and the next try decides on its result.
            var found = (await database.First<Found>(Explain, values, cancel))!;
            if (change.IsReassigned && !found.IsDoctor)
                return AppointmentRules.NoDoctor;
            if (!found.IsWithinLimits)
                return AppointmentRules.TooMany;
        }

        return Refusal.Conflict(ProblemCodes.ConcurrentChange, "Other requests keep changing this appointment. Read it again.");
    }

    private static object Values(
        AppointmentChange change, bool isLimited, Availability availability, Caller caller, CareOptions options, DateTime now) => new
    {
        id = change.Before.Id, version = change.Before.Version, patientId = change.Before.PatientId, doctorId = change.DoctorId,
        change.Status, change.ScheduledTime, change.EndsAt, change.Notes,
        takesNewTime = change.TakesNewTime, isRescheduled = change.IsRescheduled, becomesConfirmed = change.BecomesConfirmed,
        lead = TimeSpan.FromMinutes(options.ReminderMinutes), availability = availability.Version, payload = change.ToPayload(), now,
        isLimited, most = options.MaxOpenAppointments, self = change.Before.Id, minutes = change.Before.DurationMinutes,
        week = Appointment.WeekOf(change.ScheduledTime),
        caller = caller.Id, caller.RequestId, caller.Address,
    };

    private static Results<Tagged<Appointment.Response>, Refusal> Show(Appointment.Row row, Caller caller, AccessLog accesses) =>
        accesses.Add(caller, CareScope.Accessed([row])) is { } unrecorded
            ? unrecorded
            : new Tagged<Appointment.Response>(row.Tag, row.ToResponse());
}
