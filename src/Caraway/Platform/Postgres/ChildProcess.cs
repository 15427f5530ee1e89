using System.ComponentModel;
using System.Diagnostics;

namespace Caraway.Platform.Postgres;

/// <summary>Runs another program to its end and collects its output.</summary>
internal static class ChildProcess
{
    /// <summary>The exit code of shells for a program that does not exist.</summary>
    public const int NotFound = 127;

    /// <summary>The variables that the programs of PostgreSQL inherit. A process of another user must not see our keys.</summary>
    private static readonly string[] Harmless = ["PATH", "LANG", "LC_ALL", "TZ", "TMPDIR"];

    internal sealed record Options
    {
        /// <summary>The user to run as, which only root may choose. Null means the user of this process.</summary>
        public string? User { get; init; }

        public string WorkingFolder { get; init; } = "/";

        /// <summary>Text for the standard input.</summary>
        public string? Input { get; init; }

        /// <summary>Whether the program inherits all variables.</summary>
        public bool KeepEnvironment { get; init; }
    }

    internal sealed record Result(int ExitCode, string Output, string Error);

    /// <summary>Waits for the end of the program. It cannot be cancelled, so the program never runs on unnoticed.</summary>
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
                // The program ended before it read all of its input. Its exit code and its output say why.
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
