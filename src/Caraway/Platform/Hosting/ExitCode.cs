namespace Caraway.Platform.Hosting;

/// <summary>The exit codes of all commands. Scripts may rely on the numbers; docs/operations.md lists them.</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>A bug or an unexpected fault. The message is on standard error.</summary>
    public const int Failed = 1;

    /// <summary>The command line, a setting or an input file is wrong. Nothing was written.</summary>
    public const int BadInput = 2;

    /// <summary>The event log or its chain was changed by something other than this program.</summary>
    public const int Tampered = 3;

    /// <summary>The database cannot be reached, has another version, or its migrations do not fit this program.</summary>
    public const int Database = 4;

    /// <summary>Another process uses what this one needs: the folder of the embedded database, the port, or the database.</summary>
    public const int Busy = 5;

    /// <summary>Stopped by Ctrl-C or SIGTERM before the work was complete (128 + SIGINT).</summary>
    public const int Interrupted = 130;
}

/// <summary>An expected failure of a command. The message is for people; the stack is not shown.</summary>
internal sealed class CommandException : Exception
{
    public CommandException(int exitCode, string message)
        : base(message) => ExitCode = exitCode;

    public CommandException(int exitCode, string message, Exception inner)
        : base(message, inner) => ExitCode = exitCode;

    public int ExitCode { get; }
}
