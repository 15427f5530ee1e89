using System.Globalization;
using Caraway.Tests.Advocacy;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Care;

/// <summary>The jobs of appointments: confirmations and reminders.</summary>
public sealed class ConfirmationTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_booking_is_a_task_until_a_worker_confirms_it()
    {
        var (patient, doctor, id, _) = await Booked();
        Shape.Is($"[{Task(id, "queued", "null", 0, await Job(id))}]", await Tasks(patient, id));

        await caraway.Work("appointments");

        Shape.Is($"[{Task(id, "succeeded", "\"confirmed\"", 1, await Job(id))}]", await Tasks(doctor, id));
        Shape.Is(Task(id, "succeeded", "\"confirmed\"", 1, await Job(id)), await caraway.Get(patient, $"/api/v1/tasks/{await Job(id)}/"));
        Assert.Equal("confirmed", await Status(patient, id));
        Assert.Equal($"appointment.created by user:{patient.UserId}, appointment.updated by worker", await caraway.Trail(id));
        Shape.Is(
            $$"""
            {"appointment_id":{{id}},"patient_id":{{patient.UserId}},"doctor_id":{{doctor.UserId}},
             "changes":{"status":{"before":"pending","after":"confirmed"} } }
            """,
            await caraway.NewestPayload($"care.appointment:{id}"));
    }

    [Theory]
    [InlineData("cancelled")]
    [InlineData("confirmed")]
    public async Task An_appointment_that_is_not_pending_stays_and_its_task_is_skipped(string status)
    {
        var (patient, doctor, id, _) = await Booked();
        Assert.Equal(200, (await caraway.Change(doctor, id, $$"""{"status":"{{status}}"}""")).Status);
        var before = await caraway.Trail(id);

        await caraway.Work("appointments");

        Assert.Equal((status, before), (await Status(patient, id), await caraway.Trail(id)));
        Shape.Is($"[{Task(id, "succeeded", "\"skipped\"", 1, await Job(id))}]", await Tasks(patient, id));
    }

    [Fact]
    public async Task A_rescheduled_appointment_gets_a_new_task()
    {
        var (patient, _, id, time) = await Booked();
        await caraway.Work("appointments");
        var first = await Job(id);

        var rescheduled = await caraway.Change(patient, id, Clinic.Reschedule(time.AddHours(2)));

        Assert.Equal("pending", rescheduled.Json.GetProperty("status").GetString());
        var (newer, older) = (Task(id, "queued", "null", 0, await Job(id)), Task(id, "succeeded", "\"confirmed\"", 1, first));
        Shape.Is($"[{newer},{older}]", await Tasks(patient, id));
        await caraway.Work("appointments");
        Assert.Equal("confirmed", await Status(patient, id));
    }

    [Fact]
    public async Task Everybody_who_sees_the_appointment_sees_its_tasks()
    {
        var (patient, doctor, id, _) = await Booked();
        var job = await Job(id);

        (Accounts.SignedIn, int)[] callers =
        [
            (patient, 200), (doctor, 200), (await caraway.Person(), 404), (await caraway.Person("doctor"), 404),
            (await caraway.Person("admin"), 200), (await caraway.Person("auditor"), 200), (await caraway.Person("agent"), 403),
        ];
        foreach (var (who, status) in callers)
        {
            Assert.Equal(status, (await caraway.Get(who, $"/api/v1/tasks/{job}")).Status);
            Assert.Equal(status, (await Tasks(who, id)).Status);
        }

        foreach (var bad in Records.ForeignIds)
            Assert.Equal(404, (await caraway.Get(patient, $"/api/v1/tasks/{bad.Data}")).Status);
        await caraway.Work("appointments");
        var reminder = await caraway.Database.Scalar<long>($"select id from platform.jobs where {IsReminder(id)}");
        (await caraway.Get(await caraway.Person("admin"), $"/api/v1/tasks/{reminder}")).IsProblem(404, "task_not_found");
    }

    [Fact]
    public async Task A_confirmation_plans_a_reminder_and_a_cancellation_drops_it()
    {
        var (patient, _, id, time) = await Booked();
        Assert.Equal("", await Reminders(id));
        await caraway.Work("appointments");
        Assert.Equal("queued " + time.AddDays(-1).Text(), await Reminders(id));

        await caraway.Change(patient, id, Clinic.Reschedule(time.AddHours(3)));
        Assert.Equal("", await Reminders(id));
        await caraway.Work("appointments");
        Assert.Equal("queued " + time.AddHours(3).AddDays(-1).Text(), await Reminders(id));

        await caraway.Change(await caraway.Person("admin"), id, Clinic.Reschedule(time.AddHours(5), "confirmed"));
        Assert.Equal("queued " + time.AddHours(5).AddDays(-1).Text(), await Reminders(id));

        await caraway.Change(patient, id, """{"status":"cancelled"}""");
        Assert.Equal("", await Reminders(id));
    }

    [Fact]
    public async Task A_due_reminder_is_raised_once()
    {
        var (patient, doctor, id, time) = await Booked();
        await caraway.Work("appointments");
        await caraway.Work("reminders");
        Assert.DoesNotContain("reminder", await caraway.Trail(id), StringComparison.Ordinal);

        await MakeDue(id);
        await caraway.Work("reminders");
        await caraway.Work("reminders");

        var trail = await caraway.Trail(id);
        Assert.EndsWith("appointment.updated by worker, appointment.reminder_due by worker", trail, StringComparison.Ordinal);
        var payload = await caraway.NewestPayload($"care.appointment:{id}");
        Shape.Is(Clinic.Payload(id, patient, doctor), payload);
        Assert.Contains($"\"{time.Text()}\"", payload, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("status = 'cancelled'")]
    [InlineData("status = 'pending'")]
    [InlineData("scheduled_time = scheduled_time + interval '1 day', ends_at = ends_at + interval '1 day'")]
    public async Task A_changed_appointment_raises_no_reminder(string change)
    {
        var (_, _, id, _) = await Booked();
        await caraway.Work("appointments");
        await MakeDue(id);
        await caraway.Database.Execute($"update care.appointments set {change} where id = {id}");

        await caraway.Work("reminders");

        Assert.DoesNotContain("reminder", await caraway.Trail(id), StringComparison.Ordinal);
        Assert.StartsWith("succeeded", await Reminders(id), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reminder_whose_first_attempt_failed_is_raised_once()
    {
        var (_, _, id, time) = await Booked();
        await caraway.Work("appointments");
        await caraway.Database.Execute($"update platform.jobs set attempt = 1 where {IsReminder(id)}");

        await caraway.Change(await caraway.Person("admin"), id, Clinic.Reschedule(time.AddHours(5), "confirmed"));
        await MakeDue(id);
        await caraway.Work("reminders");

        Assert.Single((await caraway.Trail(id)).Split(", "), name => name.StartsWith("appointment.reminder_due", StringComparison.Ordinal));
    }

    private async Task<(Accounts.SignedIn Patient, Accounts.SignedIn Doctor, long Id, DateTime Time)> Booked()
    {
        var (patient, doctor, time) = (await caraway.Person(), await caraway.Person("doctor"), Clinic.NewTime());
        return (patient, doctor, await caraway.Booked(patient, patient.UserId, doctor.UserId, time), time);
    }

    private static string Task(long appointment, string status, string outcome, int attempts, long job) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $$"""
            {"id":{{job}},"task_name":"schedule_appointment","status":"{{status}}","appointment_id":{{appointment}},
             "external_reference":"platform.job:{{job}}","outcome":{{outcome}},"error_message":null,"attempts":{{attempts}},
             "created_at":"(time)","updated_at":"(time)"}
            """);

    private Task<Answer> Tasks(Accounts.SignedIn who, long id) => caraway.Get(who, $"/api/v1/tasks/appointments/{id}");

    private Task<long> Job(long id) => caraway.Database.Scalar<long>(
        $"select max(id) from platform.jobs where kind = 'schedule_appointment' and subject = 'care.appointment:{id}'");

    private async Task<string?> Status(Accounts.SignedIn who, long id) =>
        (await caraway.Get(who, $"/api/v1/appointments/{id}")).Json.GetProperty("status").GetString();

    /// <summary>Makes the appointment's reminder due now.</summary>
    private Task MakeDue(long id) => caraway.Database.Execute(
        $"update platform.jobs set run_at = now() - interval '1 second' where {IsReminder(id)} and state = 'queued'");

    private async Task<string> Reminders(long id) =>
        await caraway.Database.Scalar<string>(
            $"""
            select string_agg(state || ' ' || to_char(run_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), ', ' order by id)
            from platform.jobs where {IsReminder(id)}
            """) ?? "";

    private static string IsReminder(long id) => $"kind = 'remind_appointment' and subject = 'care.appointment:{id}'";
}
