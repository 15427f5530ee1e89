using System.Globalization;

namespace Caraway.Bench.Peers;

/// <summary>
/// Processor time, user and system, of a side's process and of one PostgreSQL. Other work on the machine changes it less than a rate.
/// </summary>
internal readonly record struct Cpu(double SideSeconds, double DatabaseSeconds)
{
    /// <summary>Linux counts a process's time in hundredths of a second.</summary>
    private const double TicksPerSecond = 100;

    /// <param name="side">The process of the side.</param>
    /// <param name="backend">Any process that PostgreSQL started for a connection; all that its parent started count.</param>
    public static Cpu Now(int side, int backend)
    {
        var postmaster = Stat(backend)[Field.Parent];
        var database = Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0)
            .Where(id => id > 0)
            .Select(Stat)
            .Where(stat => stat.Length > 0 && stat[Field.Parent] == postmaster)
            .Sum(stat => stat[Field.User] + stat[Field.System]);
        // Those that have ended are in the sums of their parent.
        var parent = Stat((int)postmaster);
        database += parent[Field.User] + parent[Field.System] + parent[Field.EndedUser] + parent[Field.EndedSystem];
        var own = Stat(side);
        return new Cpu((own[Field.User] + own[Field.System]) / TicksPerSecond, database / TicksPerSecond);
    }

    public static Cpu operator -(Cpu end, Cpu begin) =>
        new(end.SideSeconds - begin.SideSeconds, end.DatabaseSeconds - begin.DatabaseSeconds);

    /// <summary>The numbers after the name in <c>/proc/ID/stat</c>; empty when the process has ended.</summary>
    private static long[] Stat(int id)
    {
        try
        {
            var text = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/stat"));
            var fields = text[(text.LastIndexOf(')') + 4)..].Split(' ').Take(Field.EndedSystem + 1);
            return [.. fields.Select(field => long.Parse(field, CultureInfo.InvariantCulture))];
        }
        catch (IOException)
        {
            return [];
        }
    }

    /// <summary>Where a number stands, counted from the parent's id.</summary>
    private static class Field
    {
        public const int Parent = 0;
        public const int User = 10;
        public const int System = 11;
        public const int EndedUser = 12;
        public const int EndedSystem = 13;
    }
}
