using System.Text;
using System.Text.Json;
using Caraway.Care;
using Caraway.Platform.Hosting;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using Ical.Net.CalendarComponents;

namespace Caraway.Tests.Care;

/// <summary>The text of calendars: RFC 5545, as another implementation reads it.</summary>
public sealed class CalendarTextTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private static DateTime Start => CalendarClient.Start;

    [Fact]
    public async Task A_line_has_at_most_75_octets_and_keeps_its_characters_whole()
    {
        foreach (var character in new[] { "x", "é", "漢", "," })
        {
            for (var length = 20; length < 90; length++)
            {
                var entry = GetCalendar.ToEvent(Row(long.MaxValue));
                entry.Summary = string.Concat(Enumerable.Repeat(character, length));

                var text = await Text([entry]);

                Assert.All(text.Split("\r\n"), line => Assert.InRange(Encoding.UTF8.GetByteCount(line), 0, 75));
                var escaped = entry.Summary.Replace(",", "\\,", StringComparison.Ordinal);
                Assert.Contains($"SUMMARY:{escaped}\r\n", text.Replace("\r\n ", "", StringComparison.Ordinal), StringComparison.Ordinal);
            }
        }
    }

    /// <summary>Ical.Net 5.2.4 cuts a surrogate pair where it folds a line, so a calendar must not have characters beyond U+FFFF.</summary>
    [Fact]
    public async Task A_calendar_is_ASCII()
    {
        foreach (var status in new[] { "pending", "confirmed", "completed", "cancelled" })
        {
            var row = Row(long.MaxValue) with { Status = status, Sequence = int.MaxValue };
            Assert.True(Ascii.IsValid(await Text([GetCalendar.ToEvent(row)])));
        }
    }

    [Fact]
    public async Task Times_are_whole_seconds_in_UTC()
    {
        var row = Row(7) with { ScheduledTime = Start.AddTicks(19_999_999), UpdatedAt = Start.AddTicks(5_000_000) };

        var entry = CalendarClient.Events(await Text([GetCalendar.ToEvent(row)])).Single();

        Assert.Equal(CalendarClient.Utc(Start), entry["DTSTAMP"]);
        Assert.Equal(CalendarClient.Utc(Start.AddSeconds(1)), entry["DTSTART"]);
        Assert.Equal(CalendarClient.Utc(Start.AddMinutes(45)), entry["DTEND"]);
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

    /// <summary>Another implementation of iCalendar. Needs npm, and the network at its first run.</summary>
    [Fact]
    [Trait("Category", "Long")]
    public async Task The_npm_package_ical_js_reads_the_same_events()
    {
        const string script = """
            import { readFileSync, writeFileSync } from 'node:fs';
            import ICAL from 'ical.js';
            const read = file => {
              const calendar = new ICAL.Component(ICAL.parse(readFileSync(file, 'utf8')));
              return calendar.getAllSubcomponents('vevent').map(component => {
                const event = new ICAL.Event(component);
                const times = [event.startDate, event.endDate].map(time => time.toJSDate().toISOString());
                const status = component.getFirstPropertyValue('status');
                return [event.uid, ...times, String(event.sequence), status, event.summary].join('|');
              });
            };
            writeFileSync('theirs.json', JSON.stringify({ served: read('served.ics'), folded: read('folded.ics') }));
            """;
        const string summary = "Long, longer; \\ and 漢字 é\nand another line, ";
        var (patient, doctor) = (await caraway.Person(), await caraway.Person("doctor"));
        var expected = new List<string>();
        (string, string, int)[] statuses =
            [("pending", "TENTATIVE", 0), ("confirmed", "CONFIRMED", 1), ("completed", "CONFIRMED", 2), ("cancelled", "CANCELLED", 1)];
        foreach (var (status, shown, sequence) in statuses)
        {
            var start = Start.AddHours(expected.Count);
            var id = await caraway.BookForCalendar(patient, doctor, expected.Count, status);
            expected.Add($"appointment-{id}@caraway|{Times(start)}|{sequence}|{shown}|Appointment");
        }

        var served = (await caraway.ReadCalendar(await caraway.CalendarLink(patient))).Body;
        var longText = string.Concat(Enumerable.Repeat(summary, 20));
        var entry = GetCalendar.ToEvent(Row(1));
        entry.Summary = longText;
        using var npm = await NpmFolder.Install("ical.js@2.2.1");
        await npm.Write("served.ics", served);
        await npm.Write("folded.ics", await Text([entry]));
        await npm.Run(script);
        using var theirs = JsonDocument.Parse(await npm.Read("theirs.json"));

        Assert.Equal(expected, theirs.RootElement.GetProperty("served").EnumerateArray().Select(line => line.GetString()));
        Assert.Equal(
            [$"appointment-1@caraway|{Times(Start)}|3|TENTATIVE|{longText}"],
            theirs.RootElement.GetProperty("folded").EnumerateArray().Select(line => line.GetString()));
    }

    private static string Times(DateTime start) => $"{start:yyyy-MM-ddTHH:mm:ss.fffZ}|{start.AddMinutes(45):yyyy-MM-ddTHH:mm:ss.fffZ}";

    private static GetCalendar.Row Row(long id) => new(1, id, 1, Start, Start.AddMinutes(45), "pending", 3, Start);

    private static async Task<string> Text(IEnumerable<CalendarEvent> events)
    {
        using var body = new MemoryStream();
        await GetCalendar.Write(body, events);
        return Encoding.UTF8.GetString(body.ToArray());
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
