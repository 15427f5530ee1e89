namespace Caraway.Platform.Hosting;

/// <summary>What every command answers to the shell. Scripts may rely on the numbers; docs/operations.md lists them.</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>A bug or an unforeseen fault; the message is on standard error.</summary>
    public const int Failed = 1;

    /// <summary>The command line, a setting or an input file is wrong; nothing was written.</summary>
    public const int BadInput = 2;

    /// <summary>The event log or its chain was changed behind the program's back.</summary>
    public const int Tampered = 3;

    /// <summary>The database is out of reach, of another version, or its migrations do not fit this program.</summary>
    public const int Database = 4;

    /// <summary>Another process holds what this one needs: the embedded database's folder, or the port.</summary>
    public const int Busy = 5;

    /// <summary>Stopped by Ctrl-C or SIGTERM before the work was complete (128 + SIGINT).</summary>
    public const int Interrupted = 130;
}

/// <summary>An expected end of a command: the message is for people, and no stack is shown.</summary>
internal sealed class CommandException : Exception
{
    public CommandException(int exitCode, string message)
        : base(message) => ExitCode = exitCode;

    public CommandException(int exitCode, string message, Exception inner)
        : base(message, inner) => ExitCode = exitCode;

    public int ExitCode { get; }
}
