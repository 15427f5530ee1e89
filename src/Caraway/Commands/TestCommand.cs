using System.CommandLine;
using Caraway.Platform.Hosting;

namespace Caraway.Commands;

/// <summary>
/// <c>caraway test</c> and <c>caraway bench</c>, for the help only: the launcher builds and runs them as programs of their own.
/// </summary>
internal static class TestCommand
{
    public static Command Create()
    {
        var isLong = new Option<bool>("--long") { Description = "Also run the tests that take minutes." };
        var command = new Command("test", "Build and run the tests. Other options are those of xunit, such as -class NAME.") { isLong };
        command.SetAction(_ => Refuse("test"));
        return command;
    }

    public static Command CreateBench()
    {
        var command = new Command("bench", "Measure the speed. ./caraway bench --help lists the options. Needs wrk.");
        command.SetAction(_ => Refuse("bench"));
        return command;
    }

    private static int Refuse(string name) =>
        throw new CommandException(ExitCode.BadInput, $"This runs through the launcher, in a checkout: ./caraway {name}");
}
