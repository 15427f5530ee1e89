using System.ComponentModel;
using System.Diagnostics;

namespace Caraway.Platform.Postgres;

/// <summary>Runs another program to its end and keeps what it printed.</summary>
internal static class ChildProcess
{
    /// <summary>The shell's number for "no such program".</summary>
    public const int NotFound = 127;

    /// <summary>What PostgreSQL's programs get of our environment: a process of another user must not see our keys.</summary>
    private static readonly string[] Harmless = ["PATH", "LANG", "LC_ALL", "TZ", "TMPDIR"];

    internal sealed record Options
    {
        /// <summary>The user to run as, which only root may choose; null for ourselves.</summary>
        public string? User { get; init; }

        public string WorkingFolder { get; init; } = "/";

        /// <summary>Text for its standard input; null for none.</summary>
        public string? Input { get; init; }

        /// <summary>Whether it gets our whole environment.</summary>
        public bool KeepEnvironment { get; init; }
    }

    internal sealed record Result(int ExitCode, string Output, string Error);

    /// <summary>Not cancellable: what is begun is waited for, so that nothing works on behind our back.</summary>
    public static async Task<Result> Run(string program, IEnumerable<string> arguments, Options options)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = options.WorkingFolder,
        };
        if (options.User is not null)
            start.UserName = options.User;
        if (!options.KeepEnvironment)
        {
            foreach (var name in start.Environment.Keys.Except(Harmless, StringComparer.Ordinal).ToList())
                start.Environment.Remove(name);
            start.Environment["HOME"] = "/";
        }

        try
        {
            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            try
            {
                await process.StandardInput.WriteAsync(options.Input);
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // It ended before it read all of it; its exit code and its words say why.
            }

            await process.WaitForExitAsync();
            return new Result(process.ExitCode, await output, await error);
        }
        catch (Win32Exception e)
        {
            return new Result(NotFound, "", e.Message);
        }
    }
}
