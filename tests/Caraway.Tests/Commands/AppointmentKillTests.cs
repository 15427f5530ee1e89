using System.Diagnostics;
using System.Globalization;
using Caraway.Identity.Users;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Commands;

/// <summary>
/// The worker gets kill -9 ten times at random moments while it confirms 5,000 appointments. Meanwhile one in five is cancelled over HTTP.
/// </summary>
[Trait("Category", "Long")]
public sealed class AppointmentKillTests(CarawayFixture caraway, ITestOutputHelper output) : IClassFixture<CarawayFixture>
{
    private const int Appointments = 5_000;
    private const int Kills = 10;
    private const int CancelOneIn = 5;

    private long progress;

    private TestDatabase Database => caraway.Database;

    [Fact]
    public async Task Each_appointment_is_confirmed_once_or_stays_cancelled()
    {
        await Fill();
        var staff = await caraway.Person("caseworker");
        var folder = TemporaryFolder.Create();
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["DATABASE_URL"] = Database.Address,
            ["CARAWAY_HOME"] = folder.FullName,
            ["CARAWAY_MASTER_KEY"] = CarawayFixture.Master,
            ["ENVIRONMENT"] = "development",
            ["Server__Port"] = "0",
            ["Jobs__LeaseSeconds"] = "2",
            ["Jobs__Batch"] = "20",
            ["Jobs__MaxAttempts"] = "50",
        };

        var clock = Stopwatch.StartNew();
        var cancelling = Task.WhenAll(Cancel(0, staff), Cancel(1, staff));
        var random = new Random(20261121);
        var midway = 0;
        for (var kill = 1; kill <= Kills; kill++)
        {
            using var worker = CarawayProcess.Start(settings, "serve", "--role", "worker");
            var enough = Appointments * kill / (Kills + 1);
            while (await Succeeded() < enough)
                await Task.Delay(1);
            await Task.Delay(random.Next(0, 15));
            worker.Kill();
            await worker.Exit();
            midway += await Database.Scalar<long>("select count(*) from platform.jobs where state = 'running'") > 0 ? 1 : 0;
        }

        using (var last = CarawayProcess.Start(settings, "serve", "--role", "worker"))
        {
            for (var tries = 0; await Succeeded() < Appointments; tries++)
            {
                Assert.InRange(tries, 0, 600);
                await Task.Delay(100);
            }

            await cancelling;
            last.Terminate();
            Assert.Equal(0, await last.Exit());
        }

        var seconds = clock.Elapsed.TotalSeconds;
        var (before, after) = (await Count($"{Cancellations} where w.id is null"), await Count($"{Cancellations} where w.id < c.id"));
        var again = await Count("platform.jobs where kind = 'schedule_appointment' and attempt > 1");
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Kills} kills, {midway} of them with running jobs, in {seconds:0.0} s; {before} cancelled before their confirmation, "
            + $"{after} after it; {again} tasks begun more than once."));
        Assert.InRange(midway, 3, Kills);
        const int cancelled = Appointments / CancelOneIn;
        // Both orders of the race must have happened.
        Assert.InRange(before, 20, cancelled);
        Assert.InRange(after, 20, cancelled);

        Assert.Equal(Appointments, await Count("platform.jobs where kind = 'schedule_appointment'"));
        Assert.Equal(
            Appointments,
            await Count(
                """
                platform.jobs where kind = 'schedule_appointment' and state = 'succeeded'
                    and worker is null and lease_until is null and error is null
                """));
        Assert.Equal(cancelled, await Count($"care.appointments where status = 'cancelled' and id % {CancelOneIn} = 0"));
        Assert.Equal(Appointments - cancelled, await Count($"care.appointments where status = 'confirmed' and id % {CancelOneIn} <> 0"));

        // Each confirmed appointment has one confirmation. A cancelled appointment has no confirmation after the cancellation.
        Assert.Equal(
            Appointments - cancelled,
            await Count(
                $"{Confirmations} e join care.appointments a on e.subject = 'care.appointment:' || a.id where a.status = 'confirmed'"));
        Assert.Equal(Appointments - cancelled + after, await Count($"{Confirmations} e"));
        Assert.Equal(0, await Count($"(select subject from {Confirmations} e group by subject having count(*) > 1) twice"));
        Assert.Equal(0, await Count($"{Cancellations} where w.id > c.id"));
        Assert.Equal(cancelled, await Count(Cancellations));
        // The outcome of a task is true, and versions count the changes.
        Assert.Equal(0, await Count(
            $"""
            platform.jobs j left join {Confirmations} w on w.subject = j.subject
            where j.kind = 'schedule_appointment' and j.outcome is distinct from case when w.id is null then 'skipped' else 'confirmed' end
            """));
        Assert.Equal(0, await Count(
            """
            care.appointments a
            where sequence <> version - 1 or sequence <> (
                select count(*) from platform.events e where e.name = 'appointment.updated' and e.subject = 'care.appointment:' || a.id)
            """));
        // Each confirmed appointment has a reminder at its time.
        Assert.Equal(Appointments - cancelled, await Count("platform.jobs where kind = 'remind_appointment'"));
        Assert.Equal(
            Appointments - cancelled,
            await Count(
                """
                platform.jobs j join care.appointments a on j.subject = 'care.appointment:' || a.id
                where j.kind = 'remind_appointment' and j.state = 'queued' and a.status = 'confirmed'
                    and j.run_at = a.scheduled_time - interval '1 day'
                """));
        folder.Delete(recursive: true);
    }

    private const string Confirmations = "(select * from platform.events where name = 'appointment.updated' and actor = 'worker')";

    /// <summary>The events of cancellations, each with the confirmation of the same appointment by the worker.</summary>
    private const string Cancellations =
        "(select * from platform.events where name = 'appointment.updated' and actor <> 'worker') c "
        + $"left join {Confirmations} w on w.subject = c.subject";

    private Task<long> Count(string of) => Database.Scalar<long>("select count(*) from " + of);

    private async Task<long> Succeeded()
    {
        var succeeded = await Count("platform.jobs where state = 'succeeded'");
        Interlocked.Exchange(ref progress, succeeded);
        return succeeded;
    }

    /// <summary>Cancels every second of the chosen appointments, shortly before or after the worker confirms them.</summary>
    private async Task Cancel(int mine, Accounts.SignedIn staff)
    {
        var random = new Random(mine);
        for (var id = CancelOneIn * (mine + 1); id <= Appointments; id += CancelOneIn * 2)
        {
            var from = id + random.Next(-200, 20);
            while (Interlocked.Read(ref progress) < Math.Min(from, Appointments - 1))
                await Task.Delay(1);
            var answer = await caraway.As(staff, HttpMethod.Patch, $"/api/v1/appointments/{id}", """{"status":"cancelled"}""");
            Assert.True(answer.Status == 200, answer.Body);
            Assert.Equal("cancelled", answer.Json.GetProperty("status").GetString());
        }
    }

    /// <summary>
    /// Makes 500 patients and 100 doctors. All appointments of a block of 100 have the same time, and different patients and doctors.
    /// </summary>
    private async Task Fill()
    {
        await Database.Execute(
            $"""
            insert into identity.users (email, email_key, full_name, password_hash, role, created_at, updated_at)
            select 'user' || n || '@example.org', 'user' || n || '@example.org', 'User ' || n, 'x',
                case when n > 500 then 'doctor' else 'patient' end, now(), now()
            from generate_series(1, 600) n;
            with a as (
                insert into care.appointments (
                    patient_id, doctor_id, scheduled_time, ends_at, duration_minutes, reason, status, doctor_given_by,
                    created_at, updated_at)
                select 1 + n % 500, 501 + (n + n / 500) % 100, t, t + interval '30 minutes', 30, 'x', 'pending', 'user:1', now(), now()
                from (
                    select n, date_trunc('hour', now()) + interval '3 days' + n / 100 * interval '30 minutes' as t
                    from generate_series(0, {Appointments - 1}) n
                ) x
                returning id
            )
            insert into platform.jobs (queue, kind, subject, payload, run_at, created_at, updated_at)
            select 'appointments', 'schedule_appointment', 'care.appointment:' || id,
                json_build_object('appointment_id', id)::text, now(), now(), now()
            from a order by id
            """);
        Assert.Equal(Appointments, await Database.Scalar<long>("select max(id) from care.appointments"));
    }
}
