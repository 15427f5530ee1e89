using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Commands;

/// <summary>Help and errors of the command line.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly DirectoryInfo folder = TemporaryFolder.Create();

    [Theory]
    [InlineData("--help")]
    [InlineData("help")]
    public async Task Help_lists_every_command_under_the_name_of_the_launcher(string word)
    {
        var (exitCode, output) = await Run(word);

        Assert.Equal(0, exitCode);
        Assert.Contains("Usage:\n  ./caraway [command] [options]", output, StringComparison.Ordinal);
        foreach (var command in "serve migrate import admin apikey jobs events audit test bench help".Split(' '))
            Assert.Contains($"\n  {command} ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_explains_one_command()
    {
        var (exitCode, output) = await Run("help", "migrate", "down");

        Assert.Equal(0, exitCode);
        Assert.Contains("  ./caraway migrate down [options]", output, StringComparison.Ordinal);
        Assert.Contains("--long", (await Run("help", "test")).Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("serv", "Unrecognized command or argument 'serv'.")]
    [InlineData("migrate dwn", "Unrecognized command or argument 'dwn'.")]
    [InlineData("migrate down --to x", "--to must be a whole number; \"x\" is not.")]
    [InlineData("jobs list --limit many", "--limit must be a whole number; \"many\" is not.")]
    [InlineData("jobs retry 1 x", "ID must be a whole number; \"x\" is not.")]
    [InlineData("audit erase x --reason y", "EVENT must be a whole number; \"x\" is not.")]
    [InlineData("audit erase --reason y", "Required argument 'EVENT' missing for command: 'erase'.")]
    [InlineData("jobs list --state y", "Argument 'y' not recognized. Must be one of: 'queued', 'running', 'succeeded', 'failed'")]
    [InlineData("admin create --email a@example.org", "Option '--full-name' is required.")]
    [InlineData("audit verify --checkpoint missing.json", "There is no file {0}missing.json.")]
    [InlineData("import intakes missing.csv", "There is no file {0}missing.csv.")]
    public async Task The_last_line_of_an_error_is_its_reason(string line, string reason)
    {
        var (exitCode, output) = await Run(line.Split(' '));

        Assert.Equal(2, exitCode);
        // The program runs in the folder for temporary files.
        Assert.Equal(reason.Replace("{0}", Path.GetTempPath(), StringComparison.Ordinal), output.Trim().Split('\n')[^1]);
        Assert.DoesNotContain("Description:", output, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_group_without_a_command_shows_its_commands_and_then_the_reason()
    {
        var (exitCode, output) = await Run("migrate");

        Assert.Equal(2, exitCode);
        Assert.Contains("  status ", output, StringComparison.Ordinal);
        Assert.EndsWith("Required command was not provided.", output.Trim(), StringComparison.Ordinal);
    }

    public void Dispose() => folder.Delete(recursive: true);

    private Task<(int ExitCode, string Output)> Run(params string[] arguments) =>
        CarawayProcess.Run(new Dictionary<string, string>(StringComparer.Ordinal) { ["CARAWAY_HOME"] = folder.FullName }, arguments);
}
