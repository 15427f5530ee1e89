using Caraway.Identity.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;

namespace Caraway.Care;

/// <summary>An appointment as the API shows it.</summary>
internal static class Appointment
{
    public sealed record Response(
        long Id, long PatientId, long? DoctorId, DateTime ScheduledTime, int DurationMinutes, string Reason,
        [property: AppointmentStatusWord] string Status, string? Notes, DateTime CreatedAt, DateTime UpdatedAt,
        Person? Patient, Person? Doctor);

    /// <summary>A user, in the shape of Identity's own answers.</summary>
    public sealed record Person(
        long Id, string Email, string FullName, [property: RoleWord] string Role, bool IsActive, DateTime CreatedAt, DateTime UpdatedAt);

    /// <summary>A row of <see cref="Columns"/>. The doctor's columns are null without a doctor.</summary>
    internal sealed record Row(
        long Id, long PatientId, long? DoctorId, DateTime ScheduledTime, DateTime EndsAt, int DurationMinutes, string Reason, string Status,
        string? Notes, DateTime CreatedAt, DateTime UpdatedAt, long Version,
        string PatientEmail, string PatientFullName, string PatientRole, bool PatientIsActive,
        DateTime PatientCreatedAt, DateTime PatientUpdatedAt,
        string? DoctorEmail, string? DoctorFullName, string? DoctorRole, bool? DoctorIsActive,
        DateTime? DoctorCreatedAt, DateTime? DoctorUpdatedAt)
    {
        /// <summary>Covers the patient and the doctor too, by the newest change of the two.</summary>
        public string Tag => ETag.Create(
            Version, Chain.Microseconds(DoctorUpdatedAt > PatientUpdatedAt ? DoctorUpdatedAt.Value : PatientUpdatedAt));

        public Response ToResponse() => new(
            Id, PatientId, DoctorId, ScheduledTime, DurationMinutes, Reason, Status, Notes, CreatedAt, UpdatedAt,
            new Person(PatientId, PatientEmail, PatientFullName, PatientRole, PatientIsActive, PatientCreatedAt, PatientUpdatedAt),
            DoctorId is { } doctor
                ? new Person(
                    doctor, DoctorEmail!, DoctorFullName!, DoctorRole!, DoctorIsActive!.Value, DoctorCreatedAt!.Value,
                    DoctorUpdatedAt!.Value)
                : null);
    }

    /// <summary>Of an appointment <c>a</c> with its <see cref="Persons"/>.</summary>
    internal const string Columns = """
        a.id, a.patient_id, a.doctor_id, a.scheduled_time, a.ends_at, a.duration_minutes, a.reason, a.status, a.notes,
            a.created_at, a.updated_at, a.version,
            p.email as patient_email, p.full_name as patient_full_name, p.role as patient_role, p.is_active as patient_is_active,
            p.created_at as patient_created_at, p.updated_at as patient_updated_at,
            d.email as doctor_email, d.full_name as doctor_full_name, d.role as doctor_role, d.is_active as doctor_is_active,
            d.created_at as doctor_created_at, d.updated_at as doctor_updated_at
        """;

    /// <summary>Joins the patient <c>p</c> and the doctor <c>d</c> to an appointment <c>a</c>.</summary>
    internal const string Persons = """
        join identity.user_card p on p.id = a.patient_id left join identity.user_card d on d.id = a.doctor_id
        """;

    /// <summary>
    /// Locks the doctor's calendar, then the patient's, before two exclusion constraints are checked in one statement: without an order
    /// they deadlock under load (docs/design.md, section 7). The constraints decide; the locks only keep the order.
    /// </summary>
    internal const string Locked = """
        locked as materialized (
            select pg_advisory_xact_lock(hashtextextended('care.calendar:' || t.id, 0))
            from unnest(array[@doctorId::bigint, @patientId::bigint]) as t (id) where t.id is not null
        )
        """;

    /// <summary>
    /// A statement of its own before one that looks at <see cref="IsWithinLimits"/>: what was committed while it waited for the locks is
    /// then seen.
    /// </summary>
    internal const string LockFirst = $"with {Locked} select count(*) from locked";

    /// <summary>
    /// A condition on a patient's own booking, of which <c>@self</c> is the id (0 for a new one): few open appointments, and at most a
    /// working day with one doctor in one week (Monday to Sunday, UTC). Without it, one patient could book a doctor out.
    /// </summary>
    internal const string IsWithinLimits = """
        (not @isLimited or (
            (select count(*) from care.appointments o
            where o.patient_id = @patientId and o.status in ('pending', 'confirmed') and o.scheduled_time > @now and o.id <> @self) < @most
            and (@doctorId::bigint is null or @minutes + coalesce((
                select sum(o.duration_minutes) from care.appointments o
                where o.patient_id = @patientId and o.doctor_id = @doctorId and o.status <> 'cancelled' and o.id <> @self
                    and o.scheduled_time >= @week and o.scheduled_time < @week + interval '7 days'), 0) <= 480)))
        """;

    /// <summary>Runs a statement that writes an appointment and returns <see cref="Columns"/>.</summary>
    internal static Task<Row?> Write(string sql, bool isLimited, object values, Database database, CancellationToken cancel) =>
        isLimited ? database.FirstLocked<Row>(LockFirst, sql, values, cancel) : database.First<Row>(sql, values, cancel);

    /// <summary>The Monday 00:00 UTC before a time.</summary>
    internal static DateTime WeekOf(DateTime time) => time.Date.AddDays(-(((int)time.DayOfWeek + 6) % 7));

    /// <summary>A condition: the availability of the doctor is still the one on which the program decided.</summary>
    internal const string AvailabilityIsCurrent =
        "coalesce((select version from care.availability where doctor_id = @doctorId), 0) = @availability";
}
