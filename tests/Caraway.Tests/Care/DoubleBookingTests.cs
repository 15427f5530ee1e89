using System.Collections.Concurrent;
using Caraway.Platform.Jobs;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform;
using Dapper;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Care;

/// <summary>Many callers at two processes book the same times.</summary>
public sealed class DoubleBookingTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Path = "/api/v1/appointments";

    private static readonly (string, string)[] Unlimited =
        [("Jobs:Enabled", "false"), ("RateLimits:AddressPerMinute", "0"), ("RateLimits:CallerPerMinute", "0")];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Four_of_200_bookings_for_four_quarter_hours_succeed(bool sameDoctor)
    {
        await using var other = await Other();
        var before = await caraway.Deadlocks();
        var key = await caraway.Key("care:*");
        var (patients, doctors) = (await People("patient", sameDoctor ? 200 : 1), await People("doctor", sameDoctor ? 1 : 200));
        var hour = Clinic.NewTime();

        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i =>
            Send(i % 2 == 0 ? caraway.Stranger : other.Client, key, HttpMethod.Post, Path,
                Clinic.Booking(patients[i % patients.Length], doctors[i % doctors.Length], hour.AddMinutes(15 * (i / 2 % 4)), 15))));

        Assert.Equal("201: 4, 409: 196", Count(answers));
        var sentence = $"{(sameDoctor ? "Doctor" : "Patient")} already has an appointment at that time";
        Assert.All(answers.Where(answer => answer.Status == 409), answer => Assert.Equal(sentence, answer.Detail));
        Assert.Equal((0, before), (await caraway.Overlaps(), await caraway.Deadlocks()));
    }

    [Fact]
    public async Task Random_bookings_reschedulings_and_cancellations_do_not_overlap()
    {
        await using var other = await Other();
        var before = await caraway.Deadlocks();
        var answers = await Storm(other, () => Task.CompletedTask);

        Assert.DoesNotContain(answers, answer => answer.Status >= 500);
        Assert.True(answers.Count(answer => answer.Status == 201) > 10, Count(answers));
        Assert.Equal((0, before), (await caraway.Overlaps(), await caraway.Deadlocks()));
    }

    [Fact]
    public async Task Confirmations_do_not_deadlock_with_bookings_and_changes()
    {
        await using var other = await Other();
        var before = await caraway.Deadlocks();
        var worker = caraway.Services.GetRequiredService<JobWorkers>().Worker("appointments");
        var all = new List<Answer>();
        for (var round = 0; round < 4; round++)
            all.AddRange(await Storm(other, () => worker.RunOnce(default)));

        Assert.Equal("", string.Join('\n', all.Where(answer => answer.Status >= 500).Select(answer => answer.Body)));
        Assert.Equal((0, before), (await caraway.Overlaps(), await caraway.Deadlocks()));
    }

    /// <summary>
    /// The worker confirms two appointments in one statement. Between the two, another caller books a time that overlaps both. A trigger
    /// makes the time between them long.
    /// </summary>
    [Fact]
    public async Task A_booking_between_two_confirmations_of_one_batch_does_not_deadlock()
    {
        var before = await caraway.Deadlocks();
        var key = await caraway.Key("care:*");
        var (patients, doctor) = (await People("patient", 3), (await People("doctor", 1))[0]);
        var hour = Clinic.NewTime();
        foreach (var quarter in new[] { 0, 1 })
        {
            var body = Clinic.Booking(patients[quarter], doctor, hour.AddMinutes(15 * quarter), 15);
            Assert.Equal(201, (await Send(caraway.Stranger, key, HttpMethod.Post, Path, body)).Status);
        }

        await caraway.Database.Execute(
            $$"""
            create function care.slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.7); return new; end $$;
            create trigger slow before update on care.appointments
                for each row when (new.doctor_id = {{doctor}} and new.status = 'confirmed') execute function care.slow();
            """);
        try
        {
            var working = caraway.Work("appointments");
            await Task.Delay(1000);
            var overlapping = Clinic.Booking(patients[2], doctor, hour.AddMinutes(10), 10);
            var answer = await Send(caraway.Stranger, key, HttpMethod.Post, Path, overlapping);
            await working;

            Assert.True(answer.Status == 409, $"{answer.Status} {answer.Body}; deadlocks: {await caraway.Deadlocks()}");
            Assert.Equal(before, await caraway.Deadlocks());
        }
        finally
        {
            await caraway.Database.Execute("drop trigger slow on care.appointments; drop function care.slow()");
        }
    }

    /// <summary>
    /// The worker has read which calendars it needs, and waits for the doctor's. Meanwhile the appointment gets another doctor, whose
    /// calendar a booking for the same patient holds. The worker must not hold the patient's calendar when it waits for that one.
    /// </summary>
    [Fact]
    public async Task A_doctor_changed_while_the_worker_waits_does_not_deadlock()
    {
        const string hold = "select pg_advisory_xact_lock(hashtextextended('care.calendar:' || ";
        const string waits = """
            select count(*) from pg_locks l join pg_database d on d.oid = l.database
            where d.datname = current_database() and l.locktype = 'advisory' and not l.granted
            """;
        var before = await caraway.Deadlocks();
        var (patient, doctors) = ((await People("patient", 1))[0], await People("doctor", 2));
        var body = Clinic.Booking(patient, doctors[0], Clinic.NewTime(), 15);
        var id = (await Send(caraway.Stranger, await caraway.Key("care:*"), HttpMethod.Post, Path, body)).Json.GetProperty("id").GetInt64();
        await using var first = await caraway.Database.Source.OpenConnectionAsync();
        await using var booking = await caraway.Database.Source.OpenConnectionAsync();
        await using var held = await first.BeginTransactionAsync();
        await first.ExecuteAsync($"{hold}{doctors[0]}, 0))");
        var working = caraway.Work("appointments");
        await EventFlow.Until(async () => await caraway.Database.Scalar<long>(waits) == 1);
        await caraway.Database.Execute($"update care.appointments set doctor_id = {doctors[1]} where id = {id}");
        await using var booked = await booking.BeginTransactionAsync();
        await booking.ExecuteAsync($"{hold}{doctors[1]}, 0))");

        await held.RollbackAsync();
        await EventFlow.Until(async () => await caraway.Database.Scalar<long>(waits) == 1);
        await booking.ExecuteAsync($"{hold}{patient}, 0))");
        await booked.RollbackAsync();
        await working;

        Assert.Equal("confirmed", await caraway.Database.Scalar<string>($"select status from care.appointments where id = {id}"));
        Assert.Equal((0, before), (await caraway.Overlaps(), await caraway.Deadlocks()));
    }

    [Fact]
    public async Task Adjacent_appointments_do_not_overlap_and_a_cancelled_one_frees_its_time()
    {
        var key = await caraway.Key("care:*");
        var (patient, doctor, time) = ((await People("patient", 1))[0], (await People("doctor", 1))[0], Clinic.NewTime());
        Task<Answer> Book(DateTime start, int minutes) =>
            Send(caraway.Stranger, key, HttpMethod.Post, Path, Clinic.Booking(patient, doctor, start, minutes));

        var first = await Book(time, 30);
        Assert.Equal(201, first.Status);
        Assert.Equal(201, (await Book(time.AddMinutes(30), 30)).Status);
        Assert.Equal(201, (await Book(time.AddMinutes(-30), 30)).Status);
        foreach (var (offset, minutes) in new[] { (0, 30), (-5, 40), (5, 5), (29, 5), (-30, 480) })
            (await Book(time.AddMinutes(offset), minutes)).IsProblem(409, "doctor_booked");

        var path = $"{Path}/{first.Json.GetProperty("id").GetInt64()}";
        Assert.Equal(200, (await Send(caraway.Stranger, key, HttpMethod.Patch, path, """{"status":"cancelled"}""")).Status);

        Assert.Equal(201, (await Book(time.AddMinutes(5), 25)).Status);
    }

    /// <summary>300 requests of 16 callers at both processes, for 3 doctors and 3 patients.</summary>
    /// <param name="meanwhile">Work that repeats until the requests are done.</param>
    private async Task<List<Answer>> Storm(OwnCaraway other, Func<Task> meanwhile)
    {
        var key = await caraway.Key("care:*");
        var (patients, doctors, hour) = (await People("patient", 3), await People("doctor", 3), Clinic.NewTime());
        var (ids, answers) = (new ConcurrentBag<long>(), new ConcurrentBag<Answer>());
        using var ending = new CancellationTokenSource();
        var repeating = Task.Run(async () =>
        {
            while (!ending.IsCancellationRequested)
            {
                await meanwhile();
                await Task.Delay(2);
            }
        });
        await Task.WhenAll(Enumerable.Range(0, 16).Select(caller => Task.Run(async () =>
        {
            var random = new Random(caller);
            for (var i = caller; i < 300; i += 16)
            {
                var client = random.Next(2) == 0 ? caraway.Stranger : other.Client;
                var (doctor, time) = (doctors[random.Next(3)], hour.AddMinutes(5 * random.Next(48)));
                var known = ids.ToArray();
                var answer = random.Next(10) < 5 || known.Length == 0
                    ? await Send(
                        client, key, HttpMethod.Post, Path, Clinic.Booking(patients[random.Next(3)], doctor, time, 5 * random.Next(1, 8)))
                    : await Send(client, key, HttpMethod.Patch, $"{Path}/{known[random.Next(known.Length)]}", random.Next(4) switch
                    {
                        0 => """{"status":"cancelled"}""",
                        1 => $$"""{"doctor_id":{{doctor}}}""",
                        2 => Clinic.Reschedule(time, "confirmed"),
                        _ => Clinic.Reschedule(time),
                    });
                answers.Add(answer);
                if (answer.Status == 201)
                    ids.Add(answer.Json.GetProperty("id").GetInt64());
            }
        })));
        await ending.CancelAsync();
        await repeating;
        return [.. answers];
    }

    private static Task<Answer> Send(HttpClient client, (string, string) key, HttpMethod method, string path, string json) =>
        CarawayFixture.Send(client, method, path, json, key);

    /// <summary>A second Caraway on the same database. Its client sends no credential.</summary>
    private async Task<OwnCaraway> Other()
    {
        var other = await OwnCaraway.Start(caraway.Database.Address, Unlimited);
        other.Client.DefaultRequestHeaders.Remove("X-API-Key");
        return other;
    }

    private async Task<long[]> People(string role, int count)
    {
        var mark = Guid.NewGuid().ToString("N");
        return (await caraway.Database.Scalar<long[]>(
            $"""
            with p as (
                insert into identity.users (email, email_key, full_name, role, password_hash, created_at, updated_at)
                select 'p' || n || '.{mark}@example.org', 'p' || n || '.{mark}@example.org', 'Pat ' || n, '{role}', 'x', now(), now()
                from generate_series(1, {count}) n
                returning id)
            select array_agg(id) from p
            """))!;
    }

    private static string Count(IEnumerable<Answer> answers) =>
        string.Join(
            ", ", answers.GroupBy(answer => answer.Status).OrderBy(group => group.Key).Select(group => $"{group.Key}: {group.Count()}"));
}
