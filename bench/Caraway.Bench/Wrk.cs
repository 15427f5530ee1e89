using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Caraway.Bench;

/// <summary>One measured run of one operation on one server.</summary>
internal sealed record Measurement(
    double RequestsPerSecond, double P50Milliseconds, double P99Milliseconds,
    double CpuMicrosecondsPerRequest, double DatabaseCpuMicrosecondsPerRequest);

/// <summary>An operation and the wrk script that loads it.</summary>
internal sealed record Operation(string Name, string Script)
{
    /// <summary>Whether it writes access records.</summary>
    public bool IsRecorded { get; init; }
}

/// <summary>Loads a server with wrk: one thread, sixteen connections.</summary>
internal static class Wrk
{
    public const int Connections = 16;

    public static void Require()
    {
        try
        {
            using var found = Process.Start(new ProcessStartInfo("wrk", "-v")
            {
                UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
            });
            found!.WaitForExit();
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new InvalidOperationException("wrk is needed to load the servers. Install it: apt-get install wrk", e);
        }
    }

    public static async Task<Measurement> Load(
        ServerProcess server, Operation operation, double seconds, IEnumerable<string> arguments, CancellationToken cancel)
    {
        // wrk takes one script, so the common part and the part of the operation are joined.
        var script = Path.GetTempFileName();
        await File.WriteAllTextAsync(script, await Script("common", cancel) + await Script(operation.Script, cancel), cancel);
        try
        {
            var (cpu, databaseCpu) = (server.CpuSeconds(), ServerProcess.DatabaseCpuSeconds());
            var start = new ProcessStartInfo(
                "wrk",
                [
                    "-t1", $"-c{Connections}", string.Create(CultureInfo.InvariantCulture, $"-d{Math.Ceiling(seconds):0}s"),
                    "-s", script, $"http://127.0.0.1:{server.Port}", "--", .. arguments,
                ])
            { UseShellExecute = false, RedirectStandardOutput = true };
            using var wrk = Process.Start(start)!;
            var output = await wrk.StandardOutput.ReadToEndAsync(cancel);
            await wrk.WaitForExitAsync(cancel);
            (cpu, databaseCpu) = (server.CpuSeconds() - cpu, ServerProcess.DatabaseCpuSeconds() - databaseCpu);
            var line = output.Split('\n').FirstOrDefault(line => line.StartsWith("RESULT ", StringComparison.Ordinal))
                ?? throw new InvalidOperationException($"wrk printed no result of {operation.Name} on {server.Name}:\n{output}");
            using var json = JsonDocument.Parse(line["RESULT ".Length..]);
            long Number(string name) => json.RootElement.GetProperty(name).GetInt64();
            if (Number("bad_statuses") + Number("broken") > 0)
                throw new InvalidOperationException($"Some requests of {operation.Name} to {server.Name} failed:\n{line}");
            var requests = Number("requests");
            return new Measurement(
                requests / (Number("duration_us") / 1e6), Number("p50_us") / 1e3, Number("p99_us") / 1e3,
                cpu * 1e6 / requests, databaseCpu * 1e6 / requests);
        }
        finally
        {
            File.Delete(script);
        }
    }

    private static Task<string> Script(string name, CancellationToken cancel) =>
        File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "scripts", name + ".lua"), cancel);
}
