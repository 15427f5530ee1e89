using System.Diagnostics;
using System.Text;
using Caraway.Platform.Hosting;

namespace Caraway.Tests.Infrastructure;

/// <summary>The program as a process of its own, as an operator runs it; killed when disposed.</summary>
internal sealed class CarawayProcess : IDisposable
{
    private readonly Process process;
    private readonly StringBuilder output = new();

    private CarawayProcess(Process process)
    {
        this.process = process;
        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>The words that start the program, without its arguments.</summary>
    public static string[] Program { get; } = [Environment.ProcessPath!, typeof(CarawayApplication).Assembly.Location];

    /// <summary>All that it printed, both streams.</summary>
    public string Output
    {
        get
        {
            lock (output)
                return output.ToString();
        }
    }

    public int Id => process.Id;

    public bool HasExited => process.HasExited;

    /// <param name="environment">Beside what is inherited; the settings of the run's own environment are taken away.</param>
    public static CarawayProcess Start(IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        Start(environment, null, [.. Program, .. arguments]);

    private static CarawayProcess Start(IReadOnlyDictionary<string, string> environment, string? input, string[] command)
    {
        // A shell that runs the tests in the background has SIGINT ignored, and children inherit that; env takes it back and is then
        // replaced.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", .. command])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = input is not null,
            WorkingDirectory = Path.GetTempPath(),
        };
        string[] settings =
            ["DATABASE_URL", "DB_HOST", "DB_NAME", "API_KEY", "PORT", "ENVIRONMENT", "CARAWAY_HOME", "CARAWAY_DEFAULT_ENVIRONMENT"];
        foreach (var name in settings)
            start.Environment.Remove(name);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        var process = Process.Start(start)!;
        if (input is not null)
        {
            process.StandardInput.Write(input);
            process.StandardInput.Close();
        }

        return new CarawayProcess(process);
    }

    /// <summary>Runs a command to its end.</summary>
    public static async Task<(int ExitCode, string Output)> Run(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        using var running = Start(environment, arguments);
        return (await running.Exit(), running.Output);
    }

    /// <summary>Runs a command to its end, with this on its standard input.</summary>
    public static async Task<(int ExitCode, string Output)> RunWith(
        string input, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        using var running = Start(environment, input, [.. Program, .. arguments]);
        return (await running.Exit(), running.Output);
    }

    /// <summary>Runs commands in one session of bash. Both of its streams are in the output, in their order.</summary>
    public static async Task<(int ExitCode, string Output)> RunBash(string script, IReadOnlyDictionary<string, string> environment)
    {
        using var running = Start(environment, "", ["bash", "-c", "exec 2>&1\n" + script]);
        return (await running.Exit(), running.Output);
    }

    /// <summary>Waits until it printed this.</summary>
    public async Task Says(string text)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!Output.Contains(text, StringComparison.Ordinal))
        {
            Assert.False(
                process.HasExited && !Output.Contains(text, StringComparison.Ordinal), $"It ended without saying \"{text}\":\n{Output}");
            await Task.Delay(20, patience.Token);
        }
    }

    public async Task<int> Exit()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        await process.WaitForExitAsync(patience.Token);
        return process.ExitCode;
    }

    /// <summary>SIGTERM.</summary>
    public void Terminate() => Signal("-TERM");

    /// <summary>SIGINT, as Ctrl-C sends it.</summary>
    public void Interrupt() => Signal("-INT");

    /// <summary>SIGKILL, to it alone: its children live on.</summary>
    public void Kill() => process.Kill(entireProcessTree: false);

    public void Dispose()
    {
        if (!process.HasExited)
            process.Kill(entireProcessTree: false);
        process.Dispose();
    }

    private void Signal(string signal)
    {
        using var kill = Process.Start("kill", [signal, process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <param name="line">Without data at the end of a stream.</param>
    private void Keep(object sender, DataReceivedEventArgs line)
    {
        if (line.Data is null)
            return;
        lock (output)
            output.AppendLine(line.Data);
    }
}
