using System.CommandLine;
using System.Diagnostics;
using Caraway.Platform.Hosting;
using Npgsql;

namespace Caraway.Commands;

/// <summary>Runs a command line and says how it ended: messages on standard error, numbers of <see cref="ExitCode"/>.</summary>
internal static class Run
{
    /// <summary>Since the program began; the launcher's build, which ran in the same process before, does not count.</summary>
    public static Stopwatch Clock { get; } = new();

    public static async Task<int> ToExitCode(ParseResult command)
    {
        Clock.Start();
        var exitCode = command.Errors.Count > 0 ? ExitCode.BadInput : ExitCode.Done;
        try
        {
            var invoked = await command.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromMinutes(1) });
            return exitCode == ExitCode.Done ? invoked : exitCode;
        }
        catch (CommandException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return e.ExitCode;
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Interrupted;
        }
        catch (NpgsqlException e)
        {
            await Console.Error.WriteLineAsync($"The database cannot be used: {e.InnerException?.Message ?? e.Message}");
            return ExitCode.Database;
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            // The disk's own words: full, read-only, or another user's.
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCode.Failed;
        }
        catch (Exception e)
        {
            await Console.Error.WriteLineAsync(e.ToString());
            return ExitCode.Failed;
        }
    }
}
