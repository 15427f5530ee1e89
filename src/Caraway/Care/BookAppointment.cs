using System.ComponentModel.DataAnnotations;
using Caraway.Care.Contracts;
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

/// <summary><c>POST /api/v1/appointments</c>: books an appointment and queues its confirmation, in one statement.</summary>
internal static class BookAppointment
{
    /// <summary>Each try after the first follows a change of the doctor's availability in between.</summary>
    private const int Tries = 5;

    public sealed record Request
    {
        /// <summary>A user with the role patient.</summary>
        [Needed]
        public long? PatientId { get; init; }

        /// <summary>An active user with the role doctor.</summary>
        public long? DoctorId { get; init; }

        /// <summary>In the future.</summary>
        [Needed]
        public DateTime? ScheduledTime { get; init; }

        [Range(AppointmentRules.ShortestMinutes, AppointmentRules.LongestMinutes, ErrorMessage = "An appointment takes 5 to 480 minutes.")]
        public int? DurationMinutes { get; init; }

        [Needed, Text(AppointmentRules.ReasonLength)]
        public string? Reason { get; init; }

        [Text(AppointmentRules.NotesLength, AllowEmpty = true, AllowBlank = true)]
        public string? Notes { get; init; }
    }

    /// <summary>Returns no row when a person is missing, or when the doctor's availability has changed since it was read.</summary>
    internal const string Insert = $"""
        with {Appointment.Locked}, booked as (
            insert into care.appointments
                (patient_id, doctor_id, scheduled_time, ends_at, duration_minutes, reason, notes, status, doctor_given_by,
                created_at, updated_at)
            select @patientId, @doctorId, @start, @ends, @minutes, @Reason, @Notes, 'pending',
                case when @doctorId is not null then @caller end, @now, @now
            from (select count(*) from locked) l
            where {CareUsers.PatientExists} and (@doctorId is null or {CareUsers.DoctorIsActive}) and {Appointment.AvailabilityIsCurrent}
                and {Appointment.IsWithinLimits}
            returning *
        ), queued as (
            {JobQueue.Insert}
            select 'appointments', 'schedule_appointment', 'care.appointment:' || id, json_build_object('appointment_id', id)::text,
                @now, @now, @now
            from booked
        ), logged as (
            {EventSql.Insert}
            select @now, 'appointment.created', 'care.appointment:' || id, @caller, @RequestId, @Address,
                json_build_object('appointment_id', id, 'patient_id', patient_id, 'doctor_id', doctor_id,
                    'scheduled_time', to_char(scheduled_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text
            from booked
        )
        select {Appointment.Columns} from booked a {Appointment.Persons}
        """;

    private const string Explain = $"""
        select {CareUsers.PatientExists} as is_patient, @doctorId is null or {CareUsers.DoctorIsActive} as is_doctor,
            {Appointment.IsWithinLimits} as is_within_limits
        """;

    private sealed record Found(bool IsPatient, bool IsDoctor, bool IsWithinLimits);

    public static async Task<Results<Created<Appointment.Response>, Refusal>> Handle(
        Request request, Caller caller, AvailabilityCache availabilities, AccessLog accesses, IOptions<CareOptions> options,
        Database database, JobSignal jobs, TimeProvider time, CancellationToken cancel)
    {
        var (patientId, doctorId, start) = (request.PatientId!.Value, request.DoctorId, request.ScheduledTime!.Value);
        if (!(caller.May(CarePermissions.WriteAll) || caller.UserId == patientId || (doctorId is not null && caller.UserId == doctorId)))
            return Refusal.Forbidden("You can book for yourself only: as the patient, or as the doctor.");
        var now = time.GetUtcNow().UtcDateTime;
        if ((AppointmentRules.CheckTime(start, now) ?? accesses.Check(caller)) is { } refusal)
            return refusal;
        var minutes = request.DurationMinutes ?? AppointmentRules.DefaultMinutes;
        var ends = start.AddMinutes(minutes);
        var isLimited = !caller.May(CarePermissions.WriteAll) && caller.UserId == patientId;

        for (var tries = 0; tries < Tries; tries++)
        {
            var availability = doctorId is { } doctor ? await availabilities.Get(doctor, fresh: tries > 0, cancel) : Availability.Unset;
            if (!availability.Covers(start, ends))
            {
                // The cached availability may be old.
                if (tries == 0)
                    continue;
                return AppointmentRules.NotAvailable;
            }

            var values = new
            {
                patientId, doctorId, start, ends, minutes, request.Reason, request.Notes, availability = availability.Version, now,
                isLimited, most = options.Value.MaxOpenAppointments, self = 0L, week = Appointment.WeekOf(start),
                caller = caller.Id, caller.RequestId, caller.Address,
            };
            try
            {
                if (await Appointment.Write(Insert, isLimited, values, database, cancel) is { } booked)
                {
                    database.AfterCommit(() => jobs.Queued(ScheduleAppointment.Queue));
                    return accesses.Add(caller, CareScope.Accessed([booked])) is { } unrecorded
                        ? unrecorded
                        : TypedResults.Created($"/api/v1/appointments/{booked.Id}", booked.ToResponse());
                }
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ExclusionViolation)
            {
                return AppointmentRules.Taken(e, caller, patientId);
            }

            var found = (await database.First<Found>(Explain, values, cancel))!;
            if (!found.IsPatient)
                return AppointmentRules.NoPatient;
            if (!found.IsDoctor)
                return AppointmentRules.NoDoctor;
            if (!found.IsWithinLimits)
                return AppointmentRules.TooMany;
        }

        return Refusal.Conflict(ProblemCodes.ConcurrentChange, "The doctor's availability keeps changing. Try again.");
    }
}
