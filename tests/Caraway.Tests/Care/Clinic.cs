using System.Globalization;
using Caraway.Platform.Jobs;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Care;

/// <summary>Requests and queries that the tests of Care share.</summary>
internal static class Clinic
{
    private static int days;

    /// <summary>Noon of a day that no other test of this run uses.</summary>
    public static DateTime NewTime() => DateTime.UtcNow.Date.AddDays(30 + Interlocked.Increment(ref days) % 2000).AddHours(12);

    public static string Text(this DateTime time) => time.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture);

    public static string Booking(long patient, long? doctor, DateTime time, int? minutes = null) =>
        $$"""
        {"patient_id":{{patient}},"doctor_id":{{Json(doctor)}},"scheduled_time":"{{time.Text()}}","duration_minutes":{{Json(minutes)}},
         "reason":"A check-up"}
        """;

    /// <summary>The body of a change to another time, and to a status if one is given.</summary>
    public static string Reschedule(DateTime time, string? status = null) =>
        status is null ? $$"""{"scheduled_time":"{{time.Text()}}"}""" : $$"""{"scheduled_time":"{{time.Text()}}","status":"{{status}}"}""";

    /// <summary>The body of a change to another doctor.</summary>
    public static string Reassign(Accounts.SignedIn doctor) => $$"""{"doctor_id":{{doctor.UserId}}}""";

    public static Task<Answer> Get(this CarawayFixture caraway, Accounts.SignedIn who, string path, params (string, string)[] headers) =>
        caraway.As(who, HttpMethod.Get, path, null, headers);

    public static Task<Answer> Post(
        this CarawayFixture caraway, Accounts.SignedIn who, string path, string json, params (string, string)[] headers) =>
        caraway.As(who, HttpMethod.Post, path, json, headers);

    public static Task<Answer> Book(
        this CarawayFixture caraway, Accounts.SignedIn who, long patient, long? doctor, DateTime time, int? minutes = null) =>
        caraway.Post(who, "/api/v1/appointments", Booking(patient, doctor, time, minutes));

    /// <summary>Books an appointment, which must succeed.</summary>
    /// <returns>The id.</returns>
    public static async Task<long> Booked(
        this CarawayFixture caraway, Accounts.SignedIn who, long patient, long? doctor, DateTime time, int? minutes = null)
    {
        var answer = await caraway.Book(who, patient, doctor, time, minutes);
        Assert.True(answer.Status == 201, answer.Body);
        return answer.Json.GetProperty("id").GetInt64();
    }

    public static Task<Answer> Change(
        this CarawayFixture caraway, Accounts.SignedIn who, long id, string json, params (string, string)[] headers) =>
        caraway.As(who, HttpMethod.Patch, $"/api/v1/appointments/{id}", json, headers);

    /// <summary>Runs every job of a queue that is due.</summary>
    public static async Task Work(this CarawayFixture caraway, string queue)
    {
        var worker = caraway.Services.GetRequiredService<JobWorkers>().Worker(queue);
        int done;
        do
            done = await worker.RunOnce(default);
        while (done > 0);
    }

    /// <summary>The names of an appointment's events, oldest first, with their actors.</summary>
    public static async Task<string> Trail(this CarawayFixture caraway, long appointment) =>
        await caraway.Database.Scalar<string>(
            $"""
            select string_agg(name || ' by ' || actor, ', ' order by id)
            from platform.events where subject = 'care.appointment:{appointment}'
            """) ?? "";

    /// <summary>The payload of the subject's newest event.</summary>
    public static async Task<string> NewestPayload(this CarawayFixture caraway, string subject) =>
        (await caraway.Database.Scalar<string>(
            $"select payload from platform.events where subject = '{subject}' order by id desc limit 1"))!;

    /// <summary>Deadlocks in the database so far. The server publishes its statistics about once a second.</summary>
    public static async Task<long> Deadlocks(this CarawayFixture caraway)
    {
        await Task.Delay(1500);
        return await caraway.Database.Scalar<long>("select deadlocks from pg_stat_database where datname = current_database()");
    }

    /// <summary>Pairs of appointments that overlap, which must be zero.</summary>
    public static Task<long> Overlaps(this CarawayFixture caraway) => caraway.Database.Scalar<long>(
        """
        select count(*) from care.appointments a join care.appointments b
            on a.id < b.id and (a.doctor_id = b.doctor_id or a.patient_id = b.patient_id)
            and a.scheduled_time < b.ends_at and b.scheduled_time < a.ends_at
        where a.status <> 'cancelled' and b.status <> 'cancelled'
        """);

    /// <summary>The payload of <c>appointment.created</c> and <c>appointment.reminder_due</c>.</summary>
    public static string Payload(long appointment, Accounts.SignedIn patient, Accounts.SignedIn doctor) =>
        $$"""
        {"appointment_id":{{appointment}},"patient_id":{{patient.UserId}},"doctor_id":{{doctor.UserId}},"scheduled_time":"(time)"}
        """;

    private static string Json(long? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "null";
}
