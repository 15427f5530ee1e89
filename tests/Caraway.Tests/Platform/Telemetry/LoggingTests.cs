using Caraway.Platform.Hosting;
using Caraway.Platform.Telemetry;
using Microsoft.Extensions.Logging;

namespace Caraway.Tests.Platform.Telemetry;

public sealed class LoggingTests
{
    [Theory]
    [InlineData(null, LogLevel.Information)]
    [InlineData("", LogLevel.Information)]
    [InlineData("info", LogLevel.Information)]
    [InlineData("INFO", LogLevel.Information)]
    [InlineData("Information", LogLevel.Information)]
    [InlineData("trace", LogLevel.Trace)]
    [InlineData("DEBUG", LogLevel.Debug)]
    [InlineData("warn", LogLevel.Warning)]
    [InlineData("WARNING", LogLevel.Warning)]
    [InlineData(" error ", LogLevel.Error)]
    [InlineData("CRITICAL", LogLevel.Critical)]
    [InlineData("fatal", LogLevel.Critical)]
    [InlineData("none", LogLevel.None)]
    public void The_names_of_levels_in_dotnet_and_in_Python_are_accepted(string? name, LogLevel level) =>
        Assert.Equal(level, Logging.Level(name));

    [Theory]
    [InlineData("loud")]
    [InlineData("3")]
    [InlineData("info,debug")]
    public void An_unknown_name_stops_the_program_with_a_sentence(string name)
    {
        var refusal = Assert.Throws<CommandException>(() => Logging.Level(name));

        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.StartsWith("LOG_LEVEL must be one of", refusal.Message, StringComparison.Ordinal);
    }
}
