using System.Globalization;
using System.Text.Json;
using Caraway.Identity;
using Caraway.Identity.Keys;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Care;

/// <summary>Appointments, results and their workers, for the tests of Care.</summary>
internal static class Clinic
{
    private static int days;

    /// <summary>A whole hour that no other test of the run has taken.</summary>
    public static DateTime NewTime() => DateTime.UtcNow.Date.AddDays(30 + Interlocked.Increment(ref days) % 2000).AddHours(12);

    public static string Text(this DateTime time) => time.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture);

    public static string Booking(long patient, long? doctor, DateTime time, int? minutes = null) =>
        $$"""{"patient_id":{{patient}},"doctor_id":{{doctor?.ToString(CultureInfo.InvariantCulture) ?? "null"}},"scheduled_time":"{{time.Text()}}","reason":"A check-up"{{(minutes is null ? "" : $",\"duration_minutes\":{minutes}")}}}""";

    public static Task<Answer> Book(this CarawayFixture caraway, Accounts.SignedIn who, long patient, long? doctor, DateTime time, int? minutes = null) =>
        caraway.As(who, HttpMethod.Post, "/api/v1/appointments", Booking(patient, doctor, time, minutes));

    /// <summary>Books what must succeed.</summary>
    public static async Task<long> Booked(this CarawayFixture caraway, Accounts.SignedIn who, long patient, long? doctor, DateTime time, int? minutes = null)
    {
        var answer = await caraway.Book(who, patient, doctor, time, minutes);
        Assert.True(answer.Status == 201, answer.Body);
        return answer.Json.GetProperty("id").GetInt64();
    }

    public static Task<Answer> Change(this CarawayFixture caraway, Accounts.SignedIn who, long id, string json, params (string, string)[] headers) =>
        caraway.As(who, HttpMethod.Patch, $"/api/v1/appointments/{id}", json, headers);

    /// <summary>Works a queue off.</summary>
    public static async Task Work(this CarawayFixture caraway, string queue)
    {
        var worker = caraway.Services.GetRequiredService<JobWorkers>().Worker(queue);
        while (await worker.RunOnce(default) > 0)
        {
            // The next batch.
        }
    }

    /// <summary>A key of these scopes, as a header.</summary>
    public static async Task<(string, string)> Key(this CarawayFixture caraway, params string[] scopes)
    {
        await using var database = new Database(caraway.Database.Source);
        return ("X-API-Key", await ManageApiKeys.Create("care", scopes, null, database, DateTime.UtcNow, default));
    }

    /// <summary>The names of an appointment's events, oldest first, with their actors.</summary>
    public static async Task<string> Trail(this CarawayFixture caraway, long appointment) =>
        await caraway.Database.Scalar<string>($"select string_agg(name || ' by ' || actor, ', ' order by id) from platform.events where subject = 'care.appointment:{appointment}'") ?? "";

    /// <summary>The payload of an appointment's newest event.</summary>
    public static async Task<JsonElement> NewestPayload(this CarawayFixture caraway, string subject) =>
        JsonDocument.Parse((await caraway.Database.Scalar<string>($"select payload from platform.events where subject = '{subject}' order by id desc limit 1"))!).RootElement;

    public static async Task<long> Deadlocks(this CarawayFixture caraway)
    {
        await Task.Delay(1500);
        return await caraway.Database.Scalar<long>("select deadlocks from pg_stat_database where datname = current_database()");
    }

    /// <summary>How many pairs overlap that should not.</summary>
    public static Task<long> Overlaps(this CarawayFixture caraway) => caraway.Database.Scalar<long>(
        """
        select count(*) from care.appointments a join care.appointments b on a.id < b.id and (a.doctor_id = b.doctor_id or a.patient_id = b.patient_id)
            and a.scheduled_time < b.ends_at and b.scheduled_time < a.ends_at
        where a.status <> 'cancelled' and b.status <> 'cancelled'
        """);
}
