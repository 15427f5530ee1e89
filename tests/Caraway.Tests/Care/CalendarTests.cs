using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Caraway.Care;
using Caraway.Platform.Hosting;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using Dapper;
using Ical.Net.CalendarComponents;

namespace Caraway.Tests.Care;

/// <summary>Secret calendar addresses, and what stands in the file.</summary>
public sealed class CalendarTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private static readonly DateTime Start = TimeProvider.System.GetUtcNow().UtcDateTime.Date.AddDays(30).AddHours(9);

    [Fact]
    public async Task Its_owner_and_staff_make_an_address_and_others_are_told_nothing()
    {
        var (patient, other, doctor, staff) = (await caraway.Person(), await caraway.Person(), await caraway.Person("doctor"), await caraway.Person("caseworker"));
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
    public async Task The_address_tells_times_in_UTC_and_states_and_nothing_else()
    {
        var (patient, doctor) = (await caraway.Person(name: "Secretive Sam"), await caraway.Person("doctor", "Doctor Hush"));
        var ids = new List<long>();
        foreach (var status in new[] { "pending", "confirmed", "completed", "cancelled" })
            ids.Add(await Book(patient, doctor, ids.Count, status));
        var link = await Link(patient);

        var answer = await Read(link);

        Assert.Equal((200, "text/calendar; charset=utf-8"), (answer.Status, answer.Headers["Content-Type"]));
        var events = Events(answer.Body);
        Assert.Equal(ids.Select(id => $"appointment-{id}@caraway"), events.Select(entry => entry["UID"]));
        Assert.Equal(["TENTATIVE", "CONFIRMED", "CONFIRMED", "CANCELLED"], events.Select(entry => entry["STATUS"]));
        Assert.Equal(["0", "1", "2", "1"], events.Select(entry => entry["SEQUENCE"]));
        Assert.Equal(Enumerable.Range(0, 4).Select(n => Utc(Start.AddHours(n))), events.Select(entry => entry["DTSTART"]));
        Assert.Equal(Enumerable.Range(0, 4).Select(n => Utc(Start.AddHours(n).AddMinutes(45))), events.Select(entry => entry["DTEND"]));
        Assert.All(events, entry => Assert.Equal(["DTEND", "DTSTAMP", "DTSTART", "SEQUENCE", "STATUS", "SUMMARY", "UID"], entry.Keys.Order(StringComparer.Ordinal)));
        foreach (var word in new[] { "delicate", "private note", "Sam", "Hush", "example.org", "Secretive" })
            Assert.DoesNotContain(word, answer.Body, StringComparison.OrdinalIgnoreCase);
        // The doctor's has them, too.
        Assert.Equal(ids.Count, Events((await Read(await Link(doctor))).Body).Count);
    }

    [Fact]
    public async Task The_sequence_rises_with_each_change()
    {
        var (patient, doctor) = (await caraway.Person(), await caraway.Person("doctor"));
        var id = await Book(patient, doctor, 0, "confirmed");
        var link = await Link(patient);
        Assert.Equal("1", Events((await Read(link)).Body).Single()["SEQUENCE"]);

        Assert.Equal(200, (await caraway.As(patient, HttpMethod.Patch, $"/api/v1/appointments/{id}", $$"""{"scheduled_time":"{{Start.AddHours(5):yyyy-MM-ddTHH:mm:ssZ}}"}""")).Status);

        var entry = Events((await Read(link)).Body).Single();
        Assert.Equal(("2", "TENTATIVE", Utc(Start.AddHours(5)), Utc(Start.AddHours(5).AddMinutes(45))), (entry["SEQUENCE"], entry["STATUS"], entry["DTSTART"], entry["DTEND"]));
    }

    [Fact]
    public async Task A_new_address_ends_the_old_one_and_a_revoked_or_deactivated_ones_is_not_there()
    {
        var patient = await caraway.Person();
        var first = await Link(patient);
        // Without appointments it is an empty calendar.
        Assert.Empty(Events((await Read(first)).Body));
        var second = await Link(patient);

        (await Read(first)).IsProblem(404, "calendar_not_found");
        Assert.Equal(200, (await Read(second)).Status);
        await caraway.Database.Execute($"update identity.users set is_active = false where id = {patient.UserId}");
        (await Read(second)).IsProblem(404, "calendar_not_found");
        await caraway.Database.Execute($"update identity.users set is_active = true where id = {patient.UserId}");
        Assert.Equal(200, (await Read(second)).Status);

        var path = $"/api/v1/users/{patient.UserId}/calendar-link";
        Assert.Equal(204, (await caraway.As(patient, HttpMethod.Delete, path)).Status);
        (await Read(second)).IsProblem(404, "calendar_not_found");
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
    public async Task Nonsense_is_not_there(string secret) =>
        (await caraway.Anonymously(HttpMethod.Get, "/api/v1/calendars/" + (secret == "long" ? new string('a', 7_000) : secret), null)).IsProblem(404, "calendar_not_found");

    [Fact]
    public async Task Each_look_is_recorded_as_the_calendars()
    {
        var (patient, doctor) = (await caraway.Person(), await caraway.Person("doctor"));
        var id = await Book(patient, doctor, 0, "pending");
        await Read(await Link(patient));

        for (var tries = 0; await Looks() == 0; tries++)
        {
            Assert.InRange(tries, 0, 100);
            await Task.Delay(50);
        }

        Assert.Equal(1, await Looks());
        Task<long> Looks() => caraway.Database.Scalar<long>(
            $"select count(*) from platform.access_log where actor = 'calendar:{patient.UserId}' and kind = 'care.appointment' and ids = '{{{id}}}' and patient_ids = '{{{patient.UserId}}}' and action like 'GET %calendars/{{file}}'");
    }

    [Fact]
    public async Task The_secret_is_neither_in_the_database_nor_in_the_log()
    {
        var (patient, doctor) = (await caraway.Person(), await caraway.Person("doctor"));
        await Book(patient, doctor, 0, "pending");
        var home = TemporaryFolder.Create();
        var port = FreePort.Find();
        string secret;
        using (var serve = CarawayProcess.Start(
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["DATABASE_URL"] = caraway.Database.Address, ["CARAWAY_HOME"] = home.FullName, ["CARAWAY_MASTER_KEY"] = CarawayFixture.Master, ["ENVIRONMENT"] = "development",
                ["Server__Port"] = port.ToString(CultureInfo.InvariantCulture), ["LOG_LEVEL"] = "trace", ["API_KEY"] = CarawayFixture.ApiKey, ["Jobs__Enabled"] = "false",
            },
            "serve"))
        {
            await serve.Says("is ready on");
            using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
            var link = await CarawayFixture.Send(client, HttpMethod.Post, $"/api/v1/users/{patient.UserId}/calendar-link", null, patient.Header);
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
        var tables = (await connection.QueryAsync<string>("select schemaname || '.' || tablename from pg_tables where schemaname in ('care', 'platform', 'identity', 'public')")).AsList();
        Assert.Contains("care.calendar_links", tables);
        foreach (var table in tables)
        {
            // A whole row as text: bytea is in hexadecimal.
            Assert.Equal(0, await connection.ExecuteScalarAsync<long>($"select count(*) from {table} t where strpos(t::text, @secret) > 0 or strpos(t::text, @hex) > 0", new { secret, hex }));
        }
    }

    /// <summary>Another implementation of iCalendar. Needs npm, and the network the first time.</summary>
    [Fact]
    [Trait("Category", "Long")]
    public async Task The_npm_package_ical_reads_what_was_written()
    {
        const string script = """
            import { readFileSync, writeFileSync } from 'node:fs';
            import ICAL from 'ical.js';
            const read = file => {
              const calendar = new ICAL.Component(ICAL.parse(readFileSync(file, 'utf8')));
              return calendar.getAllSubcomponents('vevent').map(component => {
                const event = new ICAL.Event(component);
                return [event.uid, event.startDate.toJSDate().toISOString(), event.endDate.toJSDate().toISOString(), String(event.sequence), component.getFirstPropertyValue('status'), event.summary].join('|');
              });
            };
            writeFileSync('theirs.json', JSON.stringify({ served: read('served.ics'), folded: read('folded.ics') }));
            """;
        const string summary = "Long, longer; \\ and 漢字 😀 é\nand another line, ";
        var (patient, doctor) = (await caraway.Person(), await caraway.Person("doctor"));
        var expected = new List<string>();
        foreach (var (status, shown, sequence) in new[] { ("pending", "TENTATIVE", 0), ("confirmed", "CONFIRMED", 1), ("completed", "CONFIRMED", 2), ("cancelled", "CANCELLED", 1) })
        {
            var start = Start.AddHours(expected.Count);
            var id = await Book(patient, doctor, expected.Count, status);
            expected.Add($"appointment-{id}@caraway|{start:yyyy-MM-ddTHH:mm:ss.fffZ}|{start.AddMinutes(45):yyyy-MM-ddTHH:mm:ss.fffZ}|{sequence}|{shown}|Appointment");
        }

        var served = (await Read(await Link(patient))).Body;
        var longText = string.Concat(Enumerable.Repeat(summary, 20));
        var entry = GetCalendar.ToEvent(Row(1));
        entry.Summary = longText;
        var folded = await Text([entry]);
        var folder = TemporaryFolder.Create();
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "package.json"), """{"type":"module","private":true}""");
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "read.mjs"), script);
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "served.ics"), served);
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "folded.ics"), folded);
            await Run(folder, "npm", "install", "--no-audit", "--no-fund", "--prefer-offline", "ical.js@2.2.1");
            await Run(folder, "node", "read.mjs");
            using var theirs = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(folder.FullName, "theirs.json")));

            Assert.Equal(expected, theirs.RootElement.GetProperty("served").EnumerateArray().Select(line => line.GetString()));
            Assert.Equal(
                [$"appointment-1@caraway|{Start:yyyy-MM-ddTHH:mm:ss.fffZ}|{Start.AddMinutes(45):yyyy-MM-ddTHH:mm:ss.fffZ}|3|TENTATIVE|{longText}"],
                theirs.RootElement.GetProperty("folded").EnumerateArray().Select(line => line.GetString()));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_line_has_at_most_75_octets_and_keeps_its_characters_whole()
    {
        foreach (var character in new[] { "x", "é", "漢", "😀", "," })
        {
            for (var length = 20; length < 90; length++)
            {
                var entry = GetCalendar.ToEvent(Row(long.MaxValue));
                entry.Summary = string.Concat(Enumerable.Repeat(character, length));

                var text = await Text([entry]);

                Assert.All(text.Split("\r\n"), line => Assert.InRange(Encoding.UTF8.GetByteCount(line), 0, 75));
                Assert.Contains(
                    "SUMMARY:" + entry.Summary.Replace(",", "\\,", StringComparison.Ordinal), text.Replace("\r\n ", "", StringComparison.Ordinal),
                    StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Times_are_whole_seconds_in_UTC()
    {
        var row = Row(7) with { ScheduledTime = Start.AddTicks(19_999_999), UpdatedAt = Start.AddTicks(5_000_000) };

        var entry = Events(await Text([GetCalendar.ToEvent(row)])).Single();

        Assert.Equal((Utc(Start), Utc(Start.AddSeconds(1)), Utc(Start.AddMinutes(45))), (entry["DTSTAMP"], entry["DTSTART"], entry["DTEND"]));
    }

    [Fact]
    public async Task A_large_calendar_is_written_without_being_in_memory_whole()
    {
        const int count = 200_000;
        var body = new CountingStream();

        await GetCalendar.Write(body, Enumerable.Range(1, count).Select(id => GetCalendar.ToEvent(Row(id))));

        Assert.InRange(body.Written, count * 150L, count * 250L);
        Assert.InRange(body.Largest, 1, 64 * 1024);
    }

    private static GetCalendar.Row Row(long id) => new(1, id, 1, Start, Start.AddMinutes(45), "pending", 3, Start);

    private static async Task<string> Text(IEnumerable<CalendarEvent> events)
    {
        using var body = new MemoryStream();
        await GetCalendar.Write(body, events);
        return Encoding.UTF8.GetString(body.ToArray());
    }

    /// <summary>Books an hour after the one before, and moves it to a status.</summary>
    private async Task<long> Book(Accounts.SignedIn patient, Accounts.SignedIn doctor, int hour, string status)
    {
        var booked = await caraway.As(
            patient, HttpMethod.Post, "/api/v1/appointments",
            $$"""{"patient_id":{{patient.UserId}},"doctor_id":{{doctor.UserId}},"scheduled_time":"{{Start.AddHours(hour):yyyy-MM-ddTHH:mm:ss}}Z","duration_minutes":45,"reason":"A delicate reason","notes":"A private note"}""");
        Assert.Equal(201, booked.Status);
        var id = booked.Json.GetProperty("id").GetInt64();
        foreach (var next in status switch { "completed" => ["confirmed", "completed"], "pending" => Array.Empty<string>(), _ => [status] })
            Assert.Equal(200, (await caraway.As(doctor, HttpMethod.Patch, $"/api/v1/appointments/{id}", $$"""{"status":"{{next}}"}""")).Status);
        return id;
    }

    private async Task<Uri> Link(Accounts.SignedIn who)
    {
        var answer = await caraway.As(who, HttpMethod.Post, $"/api/v1/users/{who.UserId}/calendar-link");
        Assert.Equal(201, answer.Status);
        return new Uri(answer.Json.GetProperty("url").GetString()!);
    }

    /// <summary>As a calendar program does: the address and nothing else.</summary>
    private Task<Answer> Read(Uri link) => caraway.Anonymously(HttpMethod.Get, link.PathAndQuery, null);

    /// <summary>The properties of each event, in their order.</summary>
    private static List<Dictionary<string, string>> Events(string calendar)
    {
        Assert.StartsWith("BEGIN:VCALENDAR\r\n", calendar, StringComparison.Ordinal);
        foreach (var line in new[] { "VERSION:2.0", "PRODID:-//Caraway//Appointments//EN", "CALSCALE:GREGORIAN", "X-WR-CALNAME:Appointments" })
            Assert.Contains($"\r\n{line}\r\n", calendar.Split("BEGIN:VEVENT")[0], StringComparison.Ordinal);
        Assert.EndsWith("END:VCALENDAR\r\n", calendar, StringComparison.Ordinal);
        return calendar.Split("BEGIN:VEVENT\r\n")[1..].Select(part => part.Split("END:VEVENT")[0].Split("\r\n", StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(':', 2)).ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal)).ToList();
    }

    private static string Utc(DateTime time) => time.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);

    private static async Task Run(DirectoryInfo folder, string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = folder.FullName, UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}:\n{await output}\n{await error}");
    }
}

/// <summary>Counts bytes and keeps none.</summary>
internal sealed class CountingStream : Stream
{
    public long Written { get; private set; }

    public int Largest { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => (Written, Largest) = (Written + count, Math.Max(Largest, count));
}
