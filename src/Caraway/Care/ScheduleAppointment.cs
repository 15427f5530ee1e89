using Caraway.Platform.Events;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;
using Microsoft.Extensions.Options;

namespace Caraway.Care;

/// <summary>The job <c>schedule_appointment</c>: confirms an appointment that is still pending and plans its reminder.</summary>
internal sealed class ScheduleAppointment(IOptions<CareOptions> options, TimeProvider time) : IJobHandler
{
    public const string Queue = "appointments";

    /// <summary>
    /// Locks all calendars of the batch, doctors' before patients' as a booking does. Without this order a confirmation, which checks the
    /// constraints again, could deadlock with a booking.
    /// </summary>
    internal const string Lock = """
        with waiting as materialized (
            select id, doctor_id, patient_id from care.appointments where id = any(@ids) and status = 'pending'
        ), calendars as materialized (
            select distinct c.rank, c.id from waiting w, lateral (values (1, w.doctor_id), (2, w.patient_id)) as c (rank, id)
            where c.id is not null order by c.rank, c.id
        ), locked as materialized (
            select pg_advisory_xact_lock(hashtextextended('care.calendar:' || id, 0)) from calendars
        )
        select w.id, w.doctor_id from waiting w, (select count(*) from locked) l order by w.id
        """;

    /// <summary>
    /// Locks rows in the order of ids, as every worker does. An appointment that got another doctor since <see cref="Lock"/> stays for the
    /// next round.
    /// </summary>
    internal const string Confirm = $"""
        with waiting as materialized (
            select a.id from care.appointments a join unnest(@ids, @doctors) as w (id, doctor_id) on w.id = a.id
            where a.status = 'pending' and a.doctor_id is not distinct from w.doctor_id
            order by a.id for no key update of a
        ), changed as (
            update care.appointments a set status = 'confirmed', sequence = a.sequence + 1, version = a.version + 1, updated_at = @now
            from waiting w where a.id = w.id
            returning a.id, a.patient_id, a.doctor_id, a.scheduled_time
        ), reminded as (
            {RemindAppointment.Plan} from changed
            {RemindAppointment.OrReschedule}
        ), logged as (
            {EventSql.InsertWithoutRequest}
            select @now, 'appointment.updated', 'care.appointment:' || id, 'worker',
                json_build_object('appointment_id', id, 'patient_id', patient_id, 'doctor_id', doctor_id,
                    'changes', json_build_object('status', json_build_object('before', 'pending', 'after', 'confirmed')))::text
            from changed order by id
        )
        select id from changed
        """;

    private sealed record Waiting(long Id, long? DoctorId);

    public string Kind => "schedule_appointment";

    public async Task<IReadOnlyList<JobResult>> Handle(IReadOnlyList<Job> jobs, Database database, CancellationToken cancel)
    {
        var ids = jobs.Select(job => job.Number("appointment_id")).ToArray();
        List<long> confirmed;
        while (true)
        {
            var waiting = await database.List<Waiting>("savepoint confirming; " + Lock, new { ids }, cancel);
            var values = new
            {
                ids = waiting.Select(appointment => appointment.Id).ToArray(),
                doctors = waiting.Select(appointment => appointment.DoctorId).ToArray(),
                now = time.GetUtcNow().UtcDateTime,
                lead = TimeSpan.FromMinutes(options.Value.ReminderMinutes),
            };
            confirmed = await database.List<long>(Confirm, values, cancel);
            if (confirmed.Count == waiting.Count)
                break;
            // An appointment changed in between and may have another doctor, whose calendar must be locked before the patients'. The
            // rollback unlocks all calendars.
            await database.Execute("rollback to savepoint confirming", null, cancel);
        }

        // Of two jobs for one appointment, only one confirmed it.
        return [.. ids.Select(id => new JobResult(confirmed.Remove(id) ? "confirmed" : "skipped"))];
    }
}
