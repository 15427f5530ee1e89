using Caraway.Care;

namespace Caraway.Bench;

/// <param name="CpuMilliseconds">Processor time of one calendar, with the garbage collector's.</param>
/// <param name="AllocatedBytes">Memory that one calendar takes from the runtime in total.</param>
/// <param name="TextBytes">The length of the calendar.</param>
internal sealed record CalendarFigure(double CpuMilliseconds, long AllocatedBytes, long TextBytes);

/// <summary>The text of a calendar of 1,000 appointments, in this process and on one thread.</summary>
internal static class CalendarBench
{
    private const int Appointments = 1_000;
    private const int WarmUp = 30;
    private const int Rounds = 100;

    public static async Task<CalendarFigure> Run()
    {
        var start = new DateTime(2026, 2, 1, 8, 0, 0, DateTimeKind.Utc);
        var rows = Enumerable.Range(1, Appointments)
            .Select(n => new GetCalendar.Row(1, n, 1, start.AddHours(n), start.AddHours(n).AddMinutes(30), "confirmed", n % 3, start))
            .ToList();
        for (var i = 0; i < WarmUp; i++)
            await Write(Stream.Null);

        var (allocated, cpu) = (GC.GetTotalAllocatedBytes(precise: true), Environment.CpuUsage.TotalTime);
        for (var i = 0; i < Rounds; i++)
            await Write(Stream.Null);
        var spent = (Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds / Rounds;
        allocated = (GC.GetTotalAllocatedBytes(precise: true) - allocated) / Rounds;

        using var text = new MemoryStream();
        await Write(text);
        return new CalendarFigure(spent, allocated, text.Length);

        Task Write(Stream body) => GetCalendar.Write(body, rows.Select(GetCalendar.ToEvent));
    }
}
