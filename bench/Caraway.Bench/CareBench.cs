using Caraway.Care;
using Caraway.Identity.Users;
using Microsoft.Extensions.Options;

namespace Caraway.Bench;

/// <summary>Confirmations of appointments per second with two workers, from claim to end, compared with empty jobs.</summary>
internal sealed class CareBench(BenchDatabase database, int jobs)
{
    private const int Doctors = 100;
    private const int Patients = 500;

    /// <summary>Each block of 100 appointments has one time, 100 patients and 100 doctors. An appointment takes half an hour.</summary>
    private string Bookings => $$"""
        truncate care.appointments restart identity;
        insert into care.appointments (
            patient_id, doctor_id, scheduled_time, ends_at, duration_minutes, reason, status, doctor_given_by, created_at, updated_at)
        select 1 + n % {{Patients}}, {{Patients}} + 1 + (n + n / {{Patients}}) % {{Doctors}}, t, t + interval '30 minutes', 30,
            'A reason of some length', 'pending', 'user:1', now(), now()
        from (
            select n, date_trunc('hour', now()) + interval '3 days' + n / {{Doctors}} * interval '30 minutes' as t
            from generate_series(0, {{jobs - 1}}) n
        ) x;
        insert into platform.jobs (queue, kind, subject, payload, run_at, created_at, updated_at)
        select '{{ScheduleAppointment.Queue}}', 'schedule_appointment', 'care.appointment:' || id,
            json_build_object('appointment_id', id)::text, now(), now(), now()
        from care.appointments order by id;
        """;

    private const string Outcome = """
        select least(
            (select count(*) from care.appointments where status = 'confirmed' and version = 2),
            (select count(*) from platform.jobs where kind = 'schedule_appointment' and outcome = 'confirmed'),
            (select count(*) from platform.jobs where kind = 'remind_appointment' and state = 'queued'),
            (select count(distinct subject) from platform.events where actor = 'worker' and name = 'appointment.updated'))
        """;

    public async Task<IReadOnlyList<JobFigure>> Run(CancellationToken cancel)
    {
        await database.Execute(
            $"""
            truncate identity.users restart identity cascade;
            insert into identity.users (email, email_key, full_name, password_hash, role, created_at, updated_at)
            select 'user' || n || '@example.org', 'user' || n || '@example.org', 'User ' || n, 'x',
                case when n > {Patients} then 'doctor' else 'patient' end, now(), now()
            from generate_series(1, {Patients + Doctors}) n
            """,
            cancel);
        var confirm = new ScheduleAppointment(Options.Create(new CareOptions()), TimeProvider.System);
        var bench = new JobBench(database, jobs);
        return
        [
            await bench.Measure("caraway, empty jobs", () => bench.Product(JobBench.Queue, new JobBench.Nothing(), cancel), cancel),
            await bench.Measure(
                "caraway, confirmations", Bookings, () => bench.Product(ScheduleAppointment.Queue, confirm, cancel), Outcome, cancel),
        ];
    }
}
