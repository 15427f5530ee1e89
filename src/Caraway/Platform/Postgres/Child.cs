using System.ComponentModel;
using System.Diagnostics;

namespace Caraway.Platform.Postgres;

/// <summary>Runs another program to its end and keeps what it printed.</summary>
internal static class Child
{
    /// <summary>The shell's number for "no such program".</summary>
    public const int NotFound = 127;

    internal sealed record Options
    {
        /// <summary>The user to run as, which only root may choose; null for ourselves.</summary>
        public string? User { get; init; }

        public string WorkingFolder { get; init; } = "/";
    }

    internal sealed record Result(int ExitCode, string Output, string Error);

    public static async Task<Result> Run(string program, IEnumerable<string> arguments, Options options, CancellationToken cancel)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = options.WorkingFolder,
        };
        if (options.User is not null)
        {
            start.UserName = options.User;
            start.Environment["HOME"] = "/";
        }

        // PostgreSQL's own variables would point its programs elsewhere.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("PG", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(name);

        try
        {
            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEndAsync(cancel);
            var error = process.StandardError.ReadToEndAsync(cancel);
            await process.WaitForExitAsync(cancel);
            return new Result(process.ExitCode, await output, await error);
        }
        catch (Win32Exception e)
        {
            return new Result(NotFound, "", e.Message);
        }
    }
}
