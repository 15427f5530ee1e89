using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Commands;

/// <summary>
/// The tour of README.md: its commands run in order in one session of bash against a fresh instance, and print what README.md shows.
/// </summary>
[Collection(Alone.Name)]
public sealed partial class ReadmeTests : IDisposable
{
    private const string Serve = "./caraway serve";

    private readonly DirectoryInfo folder = TemporaryFolder.Create();
    private readonly int port = FreePort.Find();

    /// <param name="Answer">The lines below the command. <c>…</c> stands for any text, and alone on a line for any lines.</param>
    private sealed record Step(string Command, string Answer);

    [GeneratedRegex(@"^```console\n(?<lines>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline, 1000)]
    private static partial Regex Block { get; }

    /// <summary>A command ends with the first line that does not end with a backslash.</summary>
    [GeneratedRegex(@"^\$ (?<command>(.*\\\n)*.*\n)(?<answer>((?!\$ ).*\n)*)", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex CommandLines { get; }

    [GeneratedRegex(@"^\d\d:\d\d:\d\d .*\n", RegexOptions.Multiline, 1000)]
    private static partial Regex LogLine { get; }

    [Fact]
    public void The_comparison_takes_any_text_for_an_ellipsis_only()
    {
        Assert.Matches(Pattern("…\nin … s.\n"), "26%\n52%\nin 2.8 s.\n");
        Assert.Matches(Pattern("{\"id\":1,…}\n"), "{\"id\":1,\"name\":\"Ada\"}\n");
        Assert.DoesNotMatch(Pattern("{\"id\":1,…}\n"), "{\"id\":2,\"name\":\"Ada\"}\n");
        Assert.DoesNotMatch(Pattern("{\"id\":1,…}\n"), "{\"id\":1,\n\"name\":\"Ada\"}\n");
        Assert.DoesNotMatch(Pattern("{\"id\":1}\n"), "{\"id\":1}");
    }

    [Fact]
    public void A_command_takes_its_continuation_lines()
    {
        var steps = Read("```console\n$ call /a \\\n    -d 1\n{}\n$ true\n```\n\n```sh\n$ false\n```\n");

        Assert.Equal([new Step("call /a \\\n    -d 1\n", "{}\n"), new Step("true\n", "")], steps);
    }

    [Fact]
    public async Task Every_command_of_the_tour_prints_what_the_README_shows()
    {
        var text = await File.ReadAllTextAsync(Path.Combine(Checkout.Root, "README.md"));
        var steps = Read(text.Replace("localhost:8000", $"localhost:{port}", StringComparison.Ordinal));
        Assert.True(steps.Count >= 10, $"Only {steps.Count} commands were found.");
        Assert.Equal(Serve, steps[0].Command.Trim());
        Prepare();

        using var serve = CarawayProcess.Start(Development(), "serve");
        await serve.Says("Stop with Ctrl-C.");
        var (_, output) = await CarawayProcess.RunBash(Script(steps.Skip(1)), Development());
        var answers = Split(output, steps.Count - 1).Prepend(LogLine.Replace(serve.Output, "")).ToList();
        serve.Terminate();

        Assert.Equal(0, await serve.Exit());
        var failures = steps.Zip(answers)
            .Where(pair => !Regex.IsMatch(pair.Second, Pattern(pair.First.Answer), RegexOptions.None, TimeSpan.FromSeconds(5)))
            .Select(pair => $"$ {pair.First.Command}printed\n{pair.Second}and README.md shows\n{pair.First.Answer}")
            .ToList();
        Assert.True(failures.Count == 0, string.Join('\n', failures));
    }

    public void Dispose()
    {
        // A failed test may leave its database running. The last user of the folder stops it.
        if (File.Exists(Path.Combine(folder.FullName, ".caraway", "pg", "postmaster.pid")))
            CarawayProcess.Run(Development(), "migrate", "status").GetAwaiter().GetResult();
        folder.Delete(recursive: true);
    }

    private static List<Step> Read(string text) =>
        [.. Block.Matches(text)
            .SelectMany(block => CommandLines.Matches(block.Groups["lines"].Value))
            .Select(match => new Step(match.Groups["command"].Value, match.Groups["answer"].Value))];

    private static string Pattern(string answer)
    {
        var pattern = new StringBuilder(@"\A");
        foreach (var line in answer.Split('\n').SkipLast(1))
            pattern.Append(line == "…" ? @"(.*\n)*?" : Regex.Escape(line).Replace("…", ".*", StringComparison.Ordinal) + @"\n");
        return pattern.Append(@"\z").ToString();
    }

    /// <summary>A command without a variable that it uses ends the session, and so do the commands after it.</summary>
    private static string Script(IEnumerable<Step> steps) =>
        "set -u\ncd \"$CARAWAY_HOME\"\n" + string.Concat(steps.Select((step, index) => $"{step.Command}echo '{EndOf(index)}'\n"));

    private static string EndOf(int index) => $"=== end of answer {index} ===";

    /// <summary>An answer that does not end with a newline keeps none, so it is not what README.md shows.</summary>
    private static IEnumerable<string> Split(string output, int count)
    {
        var rest = output;
        for (var index = 0; index < count; index++)
        {
            var parts = rest.Split(EndOf(index) + "\n", 2);
            Assert.True(parts.Length == 2, $"Command {index + 1} of the tour ended the session:\n{rest}");
            yield return parts[0];
            rest = parts[1];
        }
    }

    /// <summary>Gives the folder what the tour uses of a checkout: the launcher and the samples.</summary>
    private void Prepare()
    {
        var launcher = Path.Combine(folder.FullName, "caraway");
        File.WriteAllText(launcher, $"#!/bin/sh\nexec '{string.Join("' '", CarawayProcess.Program)}' \"$@\"\n");
        File.SetUnixFileMode(launcher, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.CreateSymbolicLink(Path.Combine(folder.FullName, "samples"), Path.Combine(Checkout.Root, "samples"));
    }

    private Dictionary<string, string> Development() => new(StringComparer.Ordinal)
    {
        ["CARAWAY_HOME"] = folder.FullName,
        ["CARAWAY_DEFAULT_ENVIRONMENT"] = "development",
        ["PORT"] = port.ToString(CultureInfo.InvariantCulture),
    };
}
