using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;
using Microsoft.Extensions.Options;

namespace Caraway.Care;

/// <summary>The job <c>schedule_appointment</c>: confirms an appointment that is still pending, and plans its reminder.</summary>
internal sealed class ScheduleAppointment(IOptions<CareOptions> options, TimeProvider time) : IJobHandler
{
    public const string Queue = "appointments";

    /// <summary>Rows are locked in the order of ids, as every worker does.</summary>
    internal const string Confirm = $"""
        with waiting as materialized (
            select id from care.appointments where id = any(@ids) and status = 'pending' order by id for no key update
        ), changed as (
            update care.appointments a set status = 'confirmed', sequence = a.sequence + 1, version = a.version + 1, updated_at = @now
            from waiting w where a.id = w.id
            returning a.id, a.patient_id, a.doctor_id, a.scheduled_time
        ), reminded as (
            {RemindAppointment.Plan} from changed
            {RemindAppointment.OrMove}
        ), logged as (
            insert into platform.events (at, name, subject, actor, payload)
            select @now, 'appointment.updated', 'care.appointment:' || id, 'worker',
                json_build_object('appointment_id', id, 'patient_id', patient_id, 'doctor_id', doctor_id,
                    'changes', json_build_object('status', json_build_object('before', 'pending', 'after', 'confirmed')))::text
            from changed order by id
        )
        select id from changed
        """;

    public string Kind => "schedule_appointment";

    public async Task<IReadOnlyList<JobResult>> Handle(IReadOnlyList<Job> jobs, Database database, CancellationToken cancel)
    {
        var ids = jobs.Select(job => job.Number("appointment_id")).ToArray();
        var confirmed = await database.List<long>(
            Confirm, new { ids, now = time.GetUtcNow().UtcDateTime, lead = TimeSpan.FromMinutes(options.Value.ReminderMinutes) }, cancel);
        // Of two jobs for one appointment, one confirmed it.
        return [.. ids.Select(id => new JobResult(confirmed.Remove(id) ? "confirmed" : "skipped"))];
    }
}
