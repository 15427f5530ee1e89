using Caraway.Care;
using Caraway.Identity.Users;
using Caraway.Platform.Http;
using Caraway.Platform.Jobs;
using Caraway.Tests.Infrastructure;
using Dapper;

namespace Caraway.Tests.Care;

/// <summary>The statements of Care at a million appointments, lab results and done tasks. docs/query-plans.md has the figures.</summary>
[Trait("Category", "Long")]
public sealed class CarePlanTests(MillionAppointments million, ITestOutputHelper output) : IClassFixture<MillionAppointments>
{
    private static string Longest => new TimePage(CareModule.Pages.MaxSize, default, 0).Take;

    /// <summary>The name, the statement, and who asks for what.</summary>
    public static TheoryData<string, string, string> Statements => new()
    {
        { "an appointment, staff", GetAppointment.Select, "all" },
        { "an appointment, the patient", GetAppointment.Select, "patient" },
        { "a patient's appointments, staff", Second(ListAppointments.Patients.Whole) + Longest, "all" },
        { "a patient's appointments, the patient", Second(ListAppointments.Patients.Whole) + Longest, "patient" },
        { "a patient's appointments, a doctor", Second(ListAppointments.Patients.Part) + Longest, "doctor" },
        { "a doctor's appointments, staff", Second(ListAppointments.Doctors.Whole) + Longest, "doctor's, all" },
        { "a doctor's appointments, the doctor", Second(ListAppointments.Doctors.Whole) + Longest, "doctor's, doctor" },
        { "a doctor's appointments, a patient", Second(ListAppointments.Doctors.Part) + Longest, "doctor's, patient" },
        { "is there such a patient", First(ListAppointments.Patients.Whole), "all" },
        { "a task, staff", GetTask.Select, "all" },
        { "a task, the patient", GetTask.Select, "patient" },
        { "an appointment's tasks, is it there", First(ListTasks.Select), "patient" },
        { "an appointment's tasks, staff", Second(ListTasks.Select), "all" },
        { "an appointment's tasks, the patient", Second(ListTasks.Select), "patient" },
        { "a lab result, staff", GetLabResult.Select, "all" },
        { "a lab result, the patient", GetLabResult.Select, "patient" },
        { "a lab result, a doctor", GetLabResult.Select, "doctor" },
        { "lab results, does a doctor see them", First(ListLabResults.Select), "doctor" },
        { "lab results", Second(ListLabResults.Select) + Longest, "all" },
        { "add a lab result, a doctor", AddLabResult.Insert, "doctor" },
        { "availability", AvailabilityCache.Select, "doctor's, all" },
        { "a doctor's 31 days, for free slots", Second(ListFreeSlots.Select), "doctor's, all" },
        { "book", BookAppointment.Insert, "all" },
        { "cancel, of many queued reminders", UpdateAppointment.Write, "cancel" },
        { "reschedule", UpdateAppointment.Write, "reschedule" },
        { "confirm by hand", UpdateAppointment.Write, "confirm" },
        { "take the calendars of ten", ScheduleAppointment.Lock, "ten" },
        { "confirm one", ScheduleAppointment.Confirm, "one" },
        { "confirm a batch of ten", ScheduleAppointment.Confirm, "ten" },
        { "calendar, a patient's", GetCalendar.Select, "patient" },
        { "calendar, a busy doctor's", GetCalendar.Select, "doctor" },
        { "claim confirmations among a million done", JobQueue.ClaimSql, "all" },
    };

    [Theory]
    [MemberData(nameof(Statements))]
    public async Task A_statement_costs_the_same_at_a_million_appointments(string name, string sql, string what)
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        var appointment = what switch
        {
            "cancel" or "reschedule" => million.Confirmed,
            "confirm" => million.Pending[0],
            _ => million.OfBoth,
        };
        var batch = million.Pending.Take(what switch { "one" => 1, "ten" => 10, _ => 50 }).ToList();
        var (free, reschedules) = (now.AddYears(1), what == "reschedule");
        var books = sql == BookAppointment.Insert;
        var values = new
        {
            id = IdFor(name, what, appointment),
            All = what.EndsWith("all", StringComparison.Ordinal),
            Me = what.EndsWith("doctor", StringComparison.Ordinal) ? MillionAppointments.Doctor : MillionAppointments.Patient,
            staff = true,
            Time = new DateTime(9000, 1, 1, 0, 0, 0, DateTimeKind.Utc), Id2 = long.MaxValue,
            from = now, to = now.AddDays(31),
            hash = Convert.FromHexString(what == "doctor" ? "00004E21" : "00002711"), since = now.AddDays(-90),
            // For bookings and changes.
            patientId = books || name == "add a lab result, a doctor" ? MillionAppointments.Patient : appointment.PatientId,
            doctorId = books || sql == AvailabilityCache.Select ? (long?)MillionAppointments.Doctor : appointment.DoctorId,
            start = free, ends = free.AddMinutes(30), minutes = 30, Reason = "x", Notes = (string?)null, availability = 1L,
            version = appointment.Version, Status = what switch { "cancel" => "cancelled", "reschedule" => "pending", _ => "confirmed" },
            ScheduledTime = reschedules ? free : appointment.ScheduledTime,
            EndsAt = (reschedules ? free : appointment.ScheduledTime).AddMinutes(30),
            takesNewTime = reschedules, isRescheduled = reschedules, becomesConfirmed = what == "confirm",
            lead = TimeSpan.FromDays(1), payload = "{}",
            isLimited = true, most = int.MaxValue, self = 0L, week = reschedules || books ? Appointment.WeekOf(free) : now,
            ids = batch.Select(row => row.Id).ToArray(), doctors = batch.Select(row => row.DoctorId).ToArray(),
            // For lab results.
            TestName = "Potassium", data = "{}", interpretation = "unknown", recordedAt = now, writeAll = false,
            // For every write.
            now, caller = "test", RequestId = "r", Address = "a",
            // For the queue.
            queue = "appointments", take = 50, worker = "w", leaseUntil = now.AddSeconds(30),
        };

        await Plans.StaysBounded(million.Database, sql, values, name, output);
    }

    private long IdFor(string name, string what, MillionAppointments.Booked appointment)
    {
        bool Starts(params ReadOnlySpan<string> starts)
        {
            foreach (var start in starts)
            {
                if (name.StartsWith(start, StringComparison.Ordinal))
                    return true;
            }

            return false;
        }

        if (what.StartsWith("doctor's", StringComparison.Ordinal))
            return MillionAppointments.Doctor;
        if (Starts("a patient's", "lab results", "is there"))
            return MillionAppointments.Patient;
        return Starts("a task", "a lab result") ? million.OfBoth.Id : appointment.Id;
    }

    /// <summary>The statements find rows: a plan that finds nothing proves nothing.</summary>
    [Fact]
    public async Task The_tables_hold_a_million_rows()
    {
        Task<long> Count(string rows) => million.Database.Scalar<long>("select count(*) from " + rows);

        Assert.Equal(1_000_000, await Count("care.appointments"));
        Assert.Equal(1_000_000, await Count("care.lab_results"));
        Assert.Equal(1_000_000, await Count("platform.jobs where kind = 'schedule_appointment' and state = 'succeeded'"));
        Assert.InRange(await Count("platform.jobs where kind = 'remind_appointment'"), 100_000, 500_000);
        Assert.Equal(50, million.Pending.Count);
        Assert.Equal((MillionAppointments.Patient, MillionAppointments.Doctor), (million.OfBoth.PatientId, million.OfBoth.DoctorId));
    }

    private static string First(string sql) => sql.Split(';')[0];

    private static string Second(string sql) => sql.Split(';')[1];
}

/// <summary>
/// A million appointments of 20,000 patients and 500 doctors, an hour apart, from 41 days ago to 41 days ahead. Each has a lab result and a
/// done task, and each confirmed one has a waiting reminder.
/// </summary>
public sealed class MillionAppointments(PostgresServer postgres) : IAsyncLifetime
{
    public const long Patient = 10_001;
    public const long Doctor = 20_001;

    public TestDatabase Database { get; private set; } = null!;

    /// <summary>An appointment of <see cref="Patient"/> with <see cref="Doctor"/>.</summary>
    public Booked OfBoth { get; private set; } = null!;

    /// <summary>A future appointment with a waiting reminder.</summary>
    public Booked Confirmed { get; private set; } = null!;

    public IReadOnlyList<Booked> Pending { get; private set; } = [];

    public sealed record Booked(long Id, long PatientId, long DoctorId, DateTime ScheduledTime, long Version);

    public async ValueTask InitializeAsync()
    {
        Database = await postgres.Create();
        await using var connection = await Database.Source.OpenConnectionAsync();
        // In each block of 500, appointments have the same time and different persons.
        await connection.ExecuteAsync(
            """
            insert into identity.users (email, email_key, full_name, password_hash, role, created_at, updated_at)
            select 'user' || n || '@example.org', 'user' || n || '@example.org', 'User ' || n, 'x',
                case when n > 20000 then 'doctor' else 'patient' end, now(), now()
            from generate_series(1, 20500) n;
            insert into care.availability (doctor_id, rules, version, updated_at)
            select n, '{"time_zone":"UTC"}', 1, now() from generate_series(20001, 20500) n;
            insert into care.calendar_links (user_id, token_hash, created_at)
            select n, decode(lpad(to_hex(n), 8, '0'), 'hex'), now() from generate_series(1, 20500) n;
            insert into care.appointments (patient_id, doctor_id, scheduled_time, ends_at, duration_minutes, reason, status,
                doctor_given_by, created_at, updated_at)
            select 1 + n % 20000, 20001 + (n + n / 20000) % 500, t, t + interval '30 minutes', 30, 'A reason of some length',
                case when n % 10 = 0 then 'cancelled' when n < 500000 then 'completed' when n % 10 = 1 then 'pending' else 'confirmed' end,
                'user:1', now(), now()
            from (select n, date_trunc('hour', now()) + (n / 500 - 1000) * interval '1 hour' as t from generate_series(0, 999999) n) x;
            insert into care.lab_results (patient_id, test_name, result_data, interpretation, recorded_at, created_at)
            select 1 + n % 20000, 'Potassium', '{"value":5.10,"unit":"mmol/L","reference_range":{"low":3.5,"high":5.0}}', 'high',
                now() - n * interval '1 minute', now()
            from generate_series(0, 999999) n;
            insert into platform.jobs (queue, kind, subject, payload, state, attempt, outcome, run_at, created_at, updated_at)
            select 'appointments', 'schedule_appointment', 'care.appointment:' || id, '{"appointment_id":' || id || '}', 'succeeded', 1,
                'confirmed', now(), now(), now()
            from care.appointments order by id;
            insert into platform.jobs (queue, kind, subject, payload, run_at, created_at, updated_at)
            select 'reminders', 'remind_appointment', 'care.appointment:' || id, '{"appointment_id":' || id || ',"scheduled_time":0}',
                scheduled_time - interval '1 day', now(), now()
            from care.appointments where status = 'confirmed' order by id;
            insert into platform.jobs (queue, kind, subject, payload, run_at, created_at, updated_at)
            select 'appointments', 'schedule_appointment', 'care.appointment:' || id, '{"appointment_id":' || id || '}', now(), now(), now()
            from care.appointments where status = 'pending' order by id limit 1000;
            """,
            commandTimeout: 900);
        await connection.ExecuteAsync("vacuum (analyze)", commandTimeout: 600);

        const string columns = "select id, patient_id, doctor_id, scheduled_time, version from care.appointments";
        OfBoth = await connection.QueryFirstAsync<Booked>(
            $"{columns} where patient_id = {Patient} and doctor_id = {Doctor} order by id limit 1");
        Confirmed = await connection.QueryFirstAsync<Booked>($"{columns} where status = 'confirmed' and id > 750000 order by id limit 1");
        // As many doctors and times as a real batch has.
        Pending = (await connection.QueryAsync<Booked>(
            $"{columns} where status = 'pending' and id > 600000 and id % 4000 = 2 order by id limit 50")).AsList();
    }

    public ValueTask DisposeAsync() => Database.DisposeAsync();
}
