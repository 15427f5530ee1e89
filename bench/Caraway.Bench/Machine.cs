using System.Globalization;

namespace Caraway.Bench;

internal static class Machine
{
    /// <summary>What a figure depends on: processors, memory, runtime.</summary>
    public static string Describe()
    {
        var processor = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(": ")[1] ?? "unknown processor";
        return string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} × {processor}, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9:0} GB, .NET {Environment.Version}; wrk with one thread and {Wrk.Connections} connections on the same machine.");
    }
}
