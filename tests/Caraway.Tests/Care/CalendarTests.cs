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
        Assert.All(events, entry => Assert.Equal(["UID", "DTSTAMP", "DTSTART", "DTEND", "SEQUENCE", "STATUS", "SUMMARY"], entry.Keys));
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
        var port = FreePort();
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

    [Theory]
    [InlineData(74)]
    [InlineData(75)]
    [InlineData(76)]
    [InlineData(149)]
    [InlineData(150)]
    [InlineData(1_000)]
    public void A_line_has_at_most_75_octets_and_no_character_is_cut(int length)
    {
        foreach (var character in new[] { "x", "é", "漢", "😀" })
        {
            for (var shift = 0; shift < 4; shift++)
            {
                var content = new string('-', shift) + string.Concat(Enumerable.Repeat(character, length));
                var text = new StringBuilder();

                GetCalendar.Line(text, content);

                Assert.EndsWith("\r\n", text.ToString(), StringComparison.Ordinal);
                var lines = text.ToString()[..^2].Split("\r\n");
                Assert.All(lines, line => Assert.InRange(Encoding.UTF8.GetByteCount(line), 1, 75));
                // Each line is whole characters, and could take no other one.
                Assert.All(lines, line => Assert.Equal(line, new UTF8Encoding(false, true).GetString(Encoding.UTF8.GetBytes(line))));
                Assert.All(lines[..^1], line => Assert.True(Encoding.UTF8.GetByteCount(line) + Encoding.UTF8.GetByteCount(character) > 75));
                Assert.All(lines[1..], line => Assert.StartsWith(" ", line, StringComparison.Ordinal));
                Assert.Equal(content, string.Concat(lines.Select((line, i) => i == 0 ? line : line[1..])));
            }
        }
    }

    [Theory]
    [InlineData("a,b;c", @"a\,b\;c")]
    [InlineData(@"a\n", @"a\\n")]
    [InlineData("a\r\nb\nc\rd", @"a\nb\nc\nd")]
    [InlineData("a:b\"c", "a:b\"c")]
    [InlineData("", "")]
    public void Text_is_escaped_as_the_standard_says(string text, string escaped) => Assert.Equal(escaped, GetCalendar.Escaped(text));

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
        var folded = new StringBuilder();
        GetCalendar.Line(folded, "SUMMARY:" + GetCalendar.Escaped(longText));
        var folder = TemporaryFolder.Create();
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "package.json"), """{"type":"module","private":true}""");
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "read.mjs"), script);
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "served.ics"), served);
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "folded.ics"), served.Replace("SUMMARY:Appointment\r\n", folded.ToString(), StringComparison.Ordinal));
            await Run(folder, "npm", "install", "--no-audit", "--no-fund", "--prefer-offline", "ical.js@2.2.1");
            await Run(folder, "node", "read.mjs");
            using var theirs = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(folder.FullName, "theirs.json")));

            Assert.Equal(expected, theirs.RootElement.GetProperty("served").EnumerateArray().Select(line => line.GetString()));
            Assert.Equal(expected.Select(line => line.Replace("|Appointment", "|" + longText, StringComparison.Ordinal)), theirs.RootElement.GetProperty("folded").EnumerateArray().Select(line => line.GetString()));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
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
        Assert.StartsWith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", calendar, StringComparison.Ordinal);
        Assert.EndsWith("END:VCALENDAR\r\n", calendar, StringComparison.Ordinal);
        return calendar.Split("BEGIN:VEVENT\r\n")[1..].Select(part => part.Split("END:VEVENT")[0].Split("\r\n", StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(':', 2)).ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal)).ToList();
    }

    private static string Utc(DateTime time) => time.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);

    private static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task Run(DirectoryInfo folder, string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = folder.FullName, UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}:\n{await output}\n{await error}");
    }
}
