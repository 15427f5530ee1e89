using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Diagnostics;
using Caraway.Platform.Hosting;
using Npgsql;

namespace Caraway.Commands;

/// <summary>
/// Runs a command line to its exit code (<see cref="ExitCode"/>). The reason of a failure is the last line on standard error.
/// </summary>
internal static class CommandLine
{
    /// <summary>Runs since the program began. The launcher's build runs before that and does not count.</summary>
    public static Stopwatch Clock { get; } = new();

    /// <summary>The root of the command line. Help shows the launcher's name, because people start the program through it.</summary>
    public static Command Create(string description, params Command[] commands)
    {
        var root = new Command("./caraway", description) { new HelpOption(), new VersionOption() };
        foreach (var command in commands)
            root.Add(command);
        var words = new Argument<string[]>("COMMAND") { Description = "The command to explain.", Arity = ArgumentArity.ZeroOrMore };
        var help = new Command("help", "Explain a command. The same as COMMAND --help.") { words };
        help.SetAction(parsed => Run(root, [.. parsed.GetValue(words) ?? [], "--help"]));
        root.Add(help);
        return root;
    }

    public static async Task<int> Run(Command root, string[] arguments)
    {
        Clock.Start();
        var command = root.Parse(arguments);
        if (command.Errors.Count > 0)
            return await Refuse(command);
        try
        {
            return await command.InvokeAsync(
                new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromMinutes(1) });
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
            var reason = e is PostgresException refusal ? refusal.MessageText : e.Message;
            var cause = e.InnerException is { } inner ? $" ({inner.Message})" : "";
            await Console.Error.WriteLineAsync($"The database cannot be used: {reason}{cause}");
            return ExitCode.Database;
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            // The operating system says the reason: the disk is full or read-only, or the file belongs to another user.
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCode.Failed;
        }
        catch (Exception e)
        {
            await Console.Error.WriteLineAsync(e.ToString());
            return ExitCode.Failed;
        }
    }

    /// <summary>Says where the help is, and then what is wrong. A group of commands without a command also shows its help.</summary>
    private static async Task<int> Refuse(ParseResult command)
    {
        var names = command.CommandResult.Command.Name;
        for (SymbolResult? parent = command.CommandResult.Parent; parent is CommandResult group; parent = group.Parent)
            names = $"{group.Command.Name} {names}";
        if (command.CommandResult.Command.Subcommands.Count > 0 && command.UnmatchedTokens.Count == 0)
        {
            await command.RootCommandResult.Command.Parse([.. names.Split(' ').Skip(1), "--help"])
                .InvokeAsync(new InvocationConfiguration { Output = Console.Error });
        }
        else
        {
            await Console.Error.WriteLineAsync($"{names} --help shows how the command is used.");
        }

        // An unknown word also leaves the command without a subcommand. The word is the reason.
        foreach (var error in command.Errors)
        {
            if (command.Errors.Count > 1 && error.Message.StartsWith("Required command", StringComparison.Ordinal))
                continue;
            // Choices come one on each line.
            var lines = error.Message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            await Console.Error.WriteLineAsync(lines.Length == 1 ? error.Message : $"{lines[0]} {string.Join(", ", lines[1..])}");
        }

        return ExitCode.BadInput;
    }
}
