using System.Diagnostics;
using System.Globalization;
using Caraway.Identity.Users;

namespace Caraway.Bench;

/// <summary>A server under measurement, with its own process and port.</summary>
internal sealed class ServerProcess : IDisposable
{
    /// <summary>Linux counts a process's time in hundredths of a second.</summary>
    private const double TicksPerSecond = 100;

    private readonly Process process;

    private ServerProcess(string name, int port, Process process) => (Name, Port, this.process) = (name, port, process);

    public string Name { get; }

    public int Port { get; }

    /// <summary>Starts it and waits until it answers <paramref name="probe"/>.</summary>
    public static async Task<ServerProcess> Start(string name, int port, string probe, ProcessStartInfo start, CancellationToken cancel)
    {
        start.UseShellExecute = false;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        var process = Process.Start(start)!;
        var output = new System.Text.StringBuilder();
        void Keep(object sender, DataReceivedEventArgs line)
        {
            lock (output)
                output.AppendLine(line.Data);
        }

        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var server = new ServerProcess(name, port, process);
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        for (var tries = 0; tries < 300; tries++)
        {
            if (process.HasExited)
                throw new InvalidOperationException($"{name} ended:\n{output}");
            try
            {
                using var answer = await client.GetAsync(new Uri(probe, UriKind.Relative), cancel);
                return server;
            }
            catch (HttpRequestException)
            {
                await Task.Delay(100, cancel);
            }
        }

        server.Dispose();
        throw new InvalidOperationException($"{name} does not answer.");
    }

    /// <summary>User and system time so far, in seconds.</summary>
    public double CpuSeconds() => CpuSeconds($"/proc/{process.Id}/stat");

    /// <summary>User and system time of all PostgreSQL processes of the machine that live now, in seconds.</summary>
    public static double DatabaseCpuSeconds() =>
        Directory.EnumerateDirectories("/proc").Where(IsPostgres).Sum(folder => CpuSeconds(folder + "/stat"));

    /// <summary>Resident memory in MB (10⁶ bytes).</summary>
    public double ResidentMegabytes()
    {
        var line = File.ReadLines($"/proc/{process.Id}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024 / 1e6;
    }

    private static bool IsPostgres(string folder)
    {
        try
        {
            return char.IsAsciiDigit(folder[^1]) && File.ReadAllText(folder + "/comm") == "postgres\n";
        }
        catch (IOException)
        {
            // The process ended before its file was read.
            return false;
        }
    }

    private static double CpuSeconds(string file)
    {
        var fields = File.ReadAllText(file).Split(") ")[1].Split(' ');
        var (user, system) = (long.Parse(fields[11], CultureInfo.InvariantCulture), long.Parse(fields[12], CultureInfo.InvariantCulture));
        return (user + system) / TicksPerSecond;
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            using (var kill = Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]))
                kill.WaitForExit();
            if (!process.WaitForExit(10_000))
                process.Kill();
        }

        process.Dispose();
    }
}
