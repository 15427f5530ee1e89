using System.ComponentModel.DataAnnotations;
using Caraway.Platform.Http;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Caraway.Care;

/// <summary><c>POST /api/v1/appointments</c>: books an appointment and queues its confirmation, in one statement.</summary>
internal static class BookAppointment
{
    public const int ShortestMinutes = 5;
    public const int LongestMinutes = 480;
    public const int DefaultMinutes = 30;
    public const int ReasonLength = 255;
    public const int NotesLength = 10_000;

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

        [Range(ShortestMinutes, LongestMinutes, ErrorMessage = "An appointment takes 5 to 480 minutes.")]
        public int? DurationMinutes { get; init; }

        [Needed, Text(ReasonLength)]
        public string? Reason { get; init; }

        [Text(NotesLength, AllowEmpty = true, AllowBlank = true)]
        public string? Notes { get; init; }
    }

    /// <summary>No row comes back when a person is not who he should be, or the doctor's availability is another one than was looked at.</summary>
    internal const string Insert = $"""
        with {Appointment.Locked}, booked as (
            insert into care.appointments (patient_id, doctor_id, scheduled_time, ends_at, duration_minutes, reason, notes, status, doctor_given_by, created_at, updated_at)
            select @patientId, @doctorId, @start, @ends, @minutes, @Reason, @Notes, 'pending', case when @doctorId is not null then @caller end, @now, @now
            from (select count(*) from locked) l
            where exists (select from identity.user_card where id = @patientId and role = 'patient')
                and (@doctorId is null or exists (select from identity.user_card where id = @doctorId and role = 'doctor' and is_active))
                and coalesce((select version from care.availability where doctor_id = @doctorId), 0) = @availability
            returning *
        ), queued as (
            insert into platform.jobs (queue, kind, subject, payload, run_at, created_at, updated_at)
            select 'appointments', 'schedule_appointment', 'care.appointment:' || id, json_build_object('appointment_id', id)::text, @now, @now, @now from booked
        ), logged as (
            insert into platform.events (at, name, subject, actor, request_id, address, payload)
            select @now, 'appointment.created', 'care.appointment:' || id, @caller, @RequestId, @Address,
                json_build_object('appointment_id', id, 'patient_id', patient_id, 'doctor_id', doctor_id,
                    'scheduled_time', to_char(scheduled_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text
            from booked
        )
        select {Appointment.Columns} from booked a {Appointment.Persons}
        """;

    private const string Explain = """
        select exists (select from identity.user_card where id = @patientId and role = 'patient') as is_patient,
            @doctorId is null or exists (select from identity.user_card where id = @doctorId and role = 'doctor' and is_active) as is_doctor
        """;

    private sealed record People(bool IsPatient, bool IsDoctor);

    public static async Task<Results<Created<Appointment.Response>, Refusal>> Handle(
        Request request, Caller caller, AvailabilityCache availabilities, Database database, JobSignal jobs, TimeProvider time, CancellationToken cancel)
    {
        var (patientId, doctorId, start) = (request.PatientId!.Value, request.DoctorId, request.ScheduledTime!.Value);
        if (!(caller.May(Permission.CareWriteAll) || caller.UserId == patientId || (doctorId is not null && caller.UserId == doctorId)))
            return Refusal.Forbidden("You can book for yourself only: as the patient, or as the doctor.");
        var now = time.GetUtcNow().UtcDateTime;
        if (WrongTime(start, now) is { } wrong)
            return wrong;
        var minutes = request.DurationMinutes ?? DefaultMinutes;
        var ends = start.AddMinutes(minutes);

        for (var tries = 0; tries < Tries; tries++)
        {
            var availability = doctorId is { } doctor ? await availabilities.Of(doctor, fresh: tries > 0, cancel) : Availability.Unset;
            if (!availability.Covers(start, ends))
            {
                // What is remembered may be old.
                if (tries == 0)
                    continue;
                return NotAvailable;
            }

            Appointment.Row? booked;
            try
            {
                booked = await database.First<Appointment.Row>(
                    Insert,
                    new
                    {
                        patientId, doctorId, start, ends, minutes, request.Reason, request.Notes, availability = availability.Version, now,
                        caller = caller.Id, caller.RequestId, caller.Address,
                    },
                    cancel);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ExclusionViolation)
            {
                return Taken(e);
            }

            if (booked is not null)
            {
                database.AfterCommit(() => jobs.Queued(ScheduleAppointment.Queue));
                return TypedResults.Created($"/api/v1/appointments/{booked.Id}", booked.Shown);
            }

            var people = (await database.First<People>(Explain, new { patientId, doctorId }, cancel))!;
            if (!people.IsPatient)
                return Refusal.Invalid(new ProblemError("#/patient_id", "There is no patient with this id."));
            if (!people.IsDoctor)
                return NoDoctor;
        }

        return Refusal.Conflict(ProblemCodes.ConcurrentChange, "The doctor's availability is being changed. Try again.");
    }

    internal static Refusal NotAvailable { get; } = Refusal.Conflict(ProblemCodes.DoctorNotAvailable, "Doctor is not available at that time");

    internal static Refusal NoDoctor { get; } = Refusal.Invalid(new ProblemError("#/doctor_id", "There is no active doctor with this id."));

    /// <summary>A time that is over, or further away than a calendar reaches.</summary>
    internal static Refusal? WrongTime(DateTime start, DateTime now) =>
        start <= now ? Refusal.Invalid(new ProblemError("#/scheduled_time", "The time must be in the future."))
        : start > now.AddYears(10) ? Refusal.Invalid(new ProblemError("#/scheduled_time", "The time must be within ten years."))
        : null;

    /// <summary>The constraint that refused says whose calendar is taken.</summary>
    internal static Refusal Taken(PostgresException refused) => refused.ConstraintName == "doctor_booked_once"
        ? Refusal.Conflict(ProblemCodes.DoctorBooked, "Doctor already has an appointment at that time")
        : Refusal.Conflict(ProblemCodes.PatientBooked, "Patient already has an appointment at that time");
}
