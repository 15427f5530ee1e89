using System.Globalization;

namespace Caraway.Bench;

/// <summary>The machine that the bench runs on.</summary>
internal static class Machine
{
    /// <summary>Processors, memory and runtime, on which every figure depends.</summary>
    public static string Describe()
    {
        var model = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal));
        var processor = model?.Split(": ")[1] ?? "unknown processor";
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9;
        return string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} × {processor}, {memory:0} GB, ")
            + $".NET {Environment.Version}; wrk with one thread and {Wrk.Connections} connections on the same machine.";
    }
}
