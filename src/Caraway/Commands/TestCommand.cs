using System.CommandLine;
using Caraway.Platform.Hosting;

namespace Caraway.Commands;

/// <summary>Here for <c>--help</c> only: the launcher builds and runs the tests, which are a program of their own.</summary>
internal static class TestCommand
{
    public static Command Create()
    {
        var command = new Command("test", "Build and run every test (through the launcher: ./caraway test [--long]).");
        command.SetAction(Refuse);
        return command;
    }

    private static int Refuse(ParseResult parsed) =>
        throw new CommandException(ExitCode.BadInput, "The tests run through the launcher, in a checkout: ./caraway test");
}
