using System.Globalization;
using System.Text;
using Caraway.Platform.Hosting;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using Dapper;

namespace Caraway.Tests.Care;

/// <summary>Secret calendar addresses: who has them, what they show, and how they stay secret.</summary>
public sealed class CalendarTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private static DateTime Start => CalendarClient.Start;

    [Fact]
    public async Task Only_the_person_and_staff_make_an_address()
    {
        var (patient, other) = (await caraway.Person(), await caraway.Person());
        var (doctor, staff) = (await caraway.Person("doctor"), await caraway.Person("caseworker"));
        var path = $"/api/v1/users/{patient.UserId}/calendar-link";

        Assert.Equal(201, (await caraway.As(patient, HttpMethod.Post, path)).Status);
        Assert.Equal(201, (await caraway.As(staff, HttpMethod.Post, path)).Status);
        Assert.Equal(201, (await caraway.As(doctor, HttpMethod.Post, $"/api/v1/users/{doctor.UserId}/calendar-link")).Status);
        (await caraway.As(other, HttpMethod.Post, path)).IsProblem(404, "user_not_found");
        (await caraway.As(doctor, HttpMethod.Post, path)).IsProblem(404, "user_not_found");
        (await caraway.As(other, HttpMethod.Delete, path)).IsProblem(404, "user_not_found");
        (await caraway.As(staff, HttpMethod.Post, "/api/v1/users/99999999/calendar-link")).IsProblem(404, "user_not_found");
        Assert.Equal(401, (await caraway.Anonymously(HttpMethod.Post, path, null)).Status);
    }

    [Fact]
    public async Task A_calendar_shows_only_times_and_statuses()
    {
        var (patient, doctor) = (await caraway.Person(name: "Secretive Sam"), await caraway.Person("doctor", "Doctor Hush"));
        var ids = new List<long>();
        foreach (var status in new[] { "pending", "confirmed", "completed", "cancelled" })
            ids.Add(await caraway.BookForCalendar(patient, doctor, ids.Count, status));
        var link = await caraway.CalendarLink(patient);

        var answer = await caraway.ReadCalendar(link);

        Assert.Equal((200, "text/calendar; charset=utf-8"), (answer.Status, answer.Headers["Content-Type"]));
        var events = CalendarClient.Events(answer.Body);
        Assert.Equal(ids.Select(id => $"appointment-{id}@caraway"), events.Select(entry => entry["UID"]));
        Assert.Equal(["TENTATIVE", "CONFIRMED", "CONFIRMED", "CANCELLED"], events.Select(entry => entry["STATUS"]));
        Assert.Equal(["0", "1", "2", "1"], events.Select(entry => entry["SEQUENCE"]));
        var starts = Enumerable.Range(0, 4).Select(n => Start.AddHours(n)).ToList();
        Assert.Equal(starts.Select(CalendarClient.Utc), events.Select(entry => entry["DTSTART"]));
        Assert.Equal(starts.Select(start => CalendarClient.Utc(start.AddMinutes(45))), events.Select(entry => entry["DTEND"]));
        string[] properties = ["DTEND", "DTSTAMP", "DTSTART", "SEQUENCE", "STATUS", "SUMMARY", "UID"];
        Assert.All(events, entry => Assert.Equal(properties, entry.Keys.Order(StringComparer.Ordinal)));
        Assert.All(events, entry => Assert.Equal("Appointment", entry["SUMMARY"]));
        foreach (var word in new[] { "delicate", "private note", "Sam", "Hush", "example.org", "Secretive" })
            Assert.DoesNotContain(word, answer.Body, StringComparison.OrdinalIgnoreCase);
        // The doctor's calendar has the same appointments.
        Assert.Equal(ids.Count, CalendarClient.Events((await caraway.ReadCalendar(await caraway.CalendarLink(doctor))).Body).Count);
    }

    [Fact]
    public async Task The_sequence_rises_with_each_change()
    {
        var (patient, doctor) = (await caraway.Person(), await caraway.Person("doctor"));
        var id = await caraway.BookForCalendar(patient, doctor, 0, "confirmed");
        var link = await caraway.CalendarLink(patient);
        Assert.Equal("1", CalendarClient.Events((await caraway.ReadCalendar(link)).Body).Single()["SEQUENCE"]);

        var time = Start.AddHours(5);

        Assert.Equal(200, (await caraway.Change(patient, id, Clinic.Reschedule(time))).Status);

        var entry = CalendarClient.Events((await caraway.ReadCalendar(link)).Body).Single();
        Assert.Equal(("2", "TENTATIVE"), (entry["SEQUENCE"], entry["STATUS"]));
        Assert.Equal((CalendarClient.Utc(time), CalendarClient.Utc(time.AddMinutes(45))), (entry["DTSTART"], entry["DTEND"]));
    }

    [Fact]
    public async Task An_address_ends_with_a_new_one_a_revocation_and_a_deactivation()
    {
        var patient = await caraway.Person();
        var first = await caraway.CalendarLink(patient);
        // A person without appointments has an empty calendar.
        Assert.Empty(CalendarClient.Events((await caraway.ReadCalendar(first)).Body));
        var second = await caraway.CalendarLink(patient);

        (await caraway.ReadCalendar(first)).IsProblem(404, "calendar_not_found");
        Assert.Equal(200, (await caraway.ReadCalendar(second)).Status);
        await caraway.Database.Execute($"update identity.users set is_active = false where id = {patient.UserId}");
        (await caraway.ReadCalendar(second)).IsProblem(404, "calendar_not_found");
        await caraway.Database.Execute($"update identity.users set is_active = true where id = {patient.UserId}");
        Assert.Equal(200, (await caraway.ReadCalendar(second)).Status);

        var path = $"/api/v1/users/{patient.UserId}/calendar-link";
        Assert.Equal(204, (await caraway.As(patient, HttpMethod.Delete, path)).Status);
        (await caraway.ReadCalendar(second)).IsProblem(404, "calendar_not_found");
        (await caraway.As(patient, HttpMethod.Delete, path)).IsProblem(404, "calendar_not_found");
    }

    [Theory]
    [InlineData("x.ics")]
    [InlineData(".ics")]
    [InlineData(".ics.ics")]
    [InlineData("%F0%9F%98%80.ics")]
    [InlineData("%ED%A0%80.ics")]
    [InlineData("%FF%FE.ics")]
    [InlineData("..%2f..%2fetc.ics")]
    [InlineData("';drop table care.calendar_links;--.ics")]
    [InlineData("long")]
    public async Task A_wrong_address_is_404(string secret)
    {
        var file = secret == "long" ? new string('a', 7_000) : secret;

        (await caraway.Anonymously(HttpMethod.Get, "/api/v1/calendars/" + file, null)).IsProblem(404, "calendar_not_found");
    }

    [Fact]
    public async Task Each_read_is_recorded_as_an_access_of_the_calendar()
    {
        var (patient, doctor) = (await caraway.Person(), await caraway.Person("doctor"));
        var id = await caraway.BookForCalendar(patient, doctor, 0, "pending");
        await caraway.ReadCalendar(await caraway.CalendarLink(patient));

        for (var tries = 0; await Reads() == 0; tries++)
        {
            Assert.InRange(tries, 0, 100);
            await Task.Delay(50);
        }

        Assert.Equal(1, await Reads());
        Task<long> Reads() => caraway.Database.Scalar<long>(
            $$"""
            select count(*) from platform.access_log
            where actor = 'calendar:{{patient.UserId}}' and kind = 'care.appointment' and ids = array[{{id}}::bigint]
                and patient_ids = array[{{patient.UserId}}::bigint] and action like 'GET %calendars/{file}'
            """);
    }

    [Fact]
    public async Task The_secret_is_neither_in_the_database_nor_in_the_log()
    {
        var (patient, doctor) = (await caraway.Person(), await caraway.Person("doctor"));
        await caraway.BookForCalendar(patient, doctor, 0, "pending");
        var home = TemporaryFolder.Create();
        var port = FreePort.Find();
        string secret;
        using (var serve = CarawayProcess.Start(
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["DATABASE_URL"] = caraway.Database.Address,
                ["CARAWAY_HOME"] = home.FullName,
                ["CARAWAY_MASTER_KEY"] = CarawayFixture.Master,
                ["ENVIRONMENT"] = "development",
                ["Server__Port"] = port.ToString(CultureInfo.InvariantCulture),
                ["LOG_LEVEL"] = "trace",
                ["API_KEY"] = CarawayFixture.ApiKey,
                ["Jobs__Enabled"] = "false",
            },
            "serve"))
        {
            await serve.Says("is ready on");
            using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
            var path = $"/api/v1/users/{patient.UserId}/calendar-link";
            var link = await CarawayFixture.Send(client, HttpMethod.Post, path, null, patient.Header);
            Assert.Equal(201, link.Status);
            secret = link.Json.GetProperty("url").GetString()!.Split('/')[^1].Replace(".ics", "", StringComparison.Ordinal);
            Assert.Equal(200, (await CarawayFixture.Send(client, HttpMethod.Get, $"/api/v1/calendars/{secret}.ics", null)).Status);
            await Task.Delay(500);
            serve.Terminate();
            await serve.Exit();
            Assert.DoesNotContain(secret, serve.Output, StringComparison.OrdinalIgnoreCase);
        }

        home.Delete(recursive: true);
        await using var connection = await caraway.Database.Source.OpenConnectionAsync();
        var hex = Convert.ToHexStringLower(Encoding.UTF8.GetBytes(secret));
        var tables = (await connection.QueryAsync<string>(
            "select schemaname || '.' || tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')")).AsList();
        Assert.Contains("care.calendar_links", tables);
        foreach (var table in tables)
        {
            // The text of a whole row has bytea columns in hexadecimal.
            var found = $"select count(*) from {table} t where strpos(t::text, @secret) > 0 or strpos(t::text, @hex) > 0";
            Assert.Equal(0, await connection.ExecuteScalarAsync<long>(found, new { secret, hex }));
        }
    }
}
