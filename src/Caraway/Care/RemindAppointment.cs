using Caraway.Platform.Events;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;

namespace Caraway.Care;

/// <summary>
/// The job <c>remind_appointment</c>: raises the event that a reminder is due, if the appointment is still confirmed and has still the time
/// for which the reminder was planned.
/// </summary>
internal sealed class RemindAppointment(TimeProvider time) : IJobHandler
{
    public const string Queue = "reminders";

    /// <summary>Plans reminders; <c>from</c> and the appointments follow. A reminder that is due already runs at once.</summary>
    internal const string Plan = $"""
        {JobQueue.Insert}
            select 'reminders', 'remind_appointment', 'care.appointment:' || id,
                json_build_object('appointment_id', id, 'scheduled_time', (extract(epoch from scheduled_time) * 1000000)::bigint)::text,
                greatest(scheduled_time - @lead, @now), @now, @now
        """;

    /// <summary>A reminder that waits already gets the new time.</summary>
    internal const string OrReschedule = $"""
        {JobQueue.OnConflict}
            do update set payload = excluded.payload, run_at = excluded.run_at, updated_at = excluded.updated_at
        """;

    private const string Raise = $"""
        with due as materialized (
            select a.id, a.patient_id, a.doctor_id, a.scheduled_time
            from care.appointments a
            join unnest(@ids, @times) as j (id, planned_for)
                on j.id = a.id and j.planned_for = (extract(epoch from a.scheduled_time) * 1000000)::bigint
            where a.status = 'confirmed' and a.scheduled_time > @now
            order by a.id for no key update of a
        ), logged as (
            {EventSql.InsertWithoutRequest}
            select @now, 'appointment.reminder_due', 'care.appointment:' || id, 'worker',
                json_build_object('appointment_id', id, 'patient_id', patient_id, 'doctor_id', doctor_id,
                    'scheduled_time', to_char(scheduled_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text
            from due order by id
        )
        select id from due
        """;

    public string Kind => "remind_appointment";

    public async Task<IReadOnlyList<JobResult>> Handle(IReadOnlyList<Job> jobs, Database database, CancellationToken cancel)
    {
        var ids = jobs.Select(job => job.Number("appointment_id")).ToArray();
        var times = jobs.Select(job => job.Number("scheduled_time")).ToArray();
        var raised = await database.List<long>(Raise, new { ids, times, now = time.GetUtcNow().UtcDateTime }, cancel);
        return [.. ids.Select(id => new JobResult(raised.Contains(id) ? "raised" : "skipped"))];
    }
}
