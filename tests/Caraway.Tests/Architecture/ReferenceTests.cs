using System.Text.RegularExpressions;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Architecture;

/// <summary>Every file of the repository that a comment, a document or a script names is there.</summary>
public sealed partial class ReferenceTests
{
    private static readonly string[] Texts =
    [
        ".cs", ".razor", ".md", ".csproj", ".props", ".slnx", ".sql", ".lua", ".sh", ".json", ".yaml", ".yml", ".example", ".editorconfig",
        "", // The launcher, .ci/run
    ];

    /// <summary>Folders that tools write, and files that list packages of others.</summary>
    private static readonly string[] NotOurs = ["bin", "obj", "node_modules", ".git", ".caraway", "package-lock.json", "results.json"];

    private static readonly Lazy<string[]> Names = new(() =>
        [.. Directory.EnumerateFiles(Checkout.Root, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Checkout.Root, path))
            .Where(name => !name.Split('/').Intersect(NotOurs, StringComparer.Ordinal).Any())]);

    [GeneratedRegex(@"\[[^\]]*\]\((?<target>[^)\s#]*)(#(?<heading>[^)\s]+))?\)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Link { get; }

    /// <summary>A path from the repository's root. One that follows a slash is part of an address or of another path.</summary>
    [GeneratedRegex(@"(?<![\w./{}~-])(docs|src|tests|bench|samples|eng|deploy|\.ci)(/[\w.-]+)+", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex RootPath { get; }

    [GeneratedRegex(@"(?<![\w./-])[\w.-]+(/[\w.-]+)*\.md\b", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Document { get; }

    /// <summary>X stands for any module: <c>XModule.cs</c>.</summary>
    [GeneratedRegex(@"(?<![\w./*{}-])(?!X[A-Z])[A-Za-z][\w./]*\.cs\b", RegexOptions.None, 1000)]
    private static partial Regex Source { get; }

    /// <summary>With its namespace, as a command names it, or without.</summary>
    [GeneratedRegex(@"\b(?<folders>Caraway\.Tests\.([A-Z]\w+\.)*)?(?<name>[A-Z]\w+Tests)\b(?![/.])", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex TestClass { get; }

    [GeneratedRegex(@"\b(ADR|adr/)\s?(?<number>\d{1,4})\b", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Decision { get; }

    [Fact]
    public void The_scan_finds_files_and_references()
    {
        Assert.Contains("docs/api/README.md", Names.Value);
        Assert.Contains("src/Caraway/Program.cs", Names.Value);
        Assert.Contains(".ci/run", Names.Value);
        Assert.Equal(["docs/none.md"], Missing("src/A.cs", "/// Why: docs/none.md, docs/api/README.md."));
        Assert.Equal(["DESIGN.md"], Missing("src/A.cs", "// See DESIGN.md, and docs/design.md."));
        Assert.Equal(["ADR 9999"], Missing("src/A.cs", "// ADR 9999, ADR 1, docs/adr/0011"));
        Assert.Equal(["none.md", "#none"], Missing("docs/events.md", "[a](none.md) [b](design.md#none) [c](design.md#9-words)"));
        Assert.Empty(Missing("docs/events.md", "[a](https://none.example/none.md)"));
        Assert.Equal(["Platform/None.cs"], Missing("docs/events.md", "`Platform/None.cs`, `Advocacy/AddNote.cs`, `AddNote.cs`"));
        Assert.Equal(["NoneTests"], Missing("docs/events.md", "`NoneTests`, `ReferenceTests`, Caraway.Tests.Architecture.ReferenceTests"));
        Assert.Equal(["Caraway.Tests.Care.ReferenceTests"], Missing("docs/events.md", "-class Caraway.Tests.Care.ReferenceTests"));
    }

    [Fact]
    public void Every_file_that_is_named_is_in_the_repository()
    {
        var files = Names.Value.Where(name => Texts.Contains(Path.GetExtension(name), StringComparer.Ordinal)).ToList();
        Assert.True(files.Count > 200, $"Only {files.Count} files were found.");

        // A migration that was applied is never edited, so the files that it names may have moved since.
        var missing = files.Where(
            name => Path.GetFileName(name) != "ReferenceTests.cs" && !name.StartsWith("src/Caraway/Migrations/", StringComparison.Ordinal))
            .SelectMany(name => Missing(name, File.ReadAllText(Path.Combine(Checkout.Root, name)))
                .Select(reference => $"{name} names {reference}"))
            .ToList();

        Assert.True(missing.Count == 0, string.Join('\n', missing));
    }

    private static IEnumerable<string> Missing(string name, string text)
    {
        var folder = Path.GetDirectoryName(name)!;
        var isDocument = name.EndsWith(".md", StringComparison.Ordinal);
        if (name == "docs/design.md")
            text = WithoutExamples(text);
        if (isDocument)
        {
            foreach (var reference in Link.Matches(text).SelectMany(link => MissingOf(name, link)))
                yield return reference;
            text = Link.Replace(text, "");
        }
        else if (name.EndsWith(".cs", StringComparison.Ordinal))
        {
            text = string.Join('\n', Sources.Comment.Matches(text).Select(comment => comment.Value));
        }

        var paths = RootPath.Matches(text).Concat(Document.Matches(text)).Select(match => match.Value.TrimEnd('.'))
            .Where(path => !path.Split('/').Intersect(NotOurs, StringComparer.Ordinal).Any())
            .Where(path => !IsThere(path) && !(isDocument && IsThere(Path.Combine(folder, path))));
        var sources = Source.Matches(text).Select(match => match.Value).Where(source => !IsPart(source));
        var tests = isDocument ? TestClass.Matches(text).Where(match => !IsTest(match)).Select(match => match.Value) : [];
        var decisions = Decision.Matches(text).Where(match => !IsDecision(match.Groups["number"].Value)).Select(match => match.Value);
        foreach (var reference in paths.Concat(sources).Concat(tests).Concat(decisions).Distinct(StringComparer.Ordinal))
            yield return reference;
    }

    /// <summary>The design's fifth section names files of other repositories, and its code blocks draw files to come.</summary>
    private static string WithoutExamples(string design)
    {
        var (begin, end) = (design.IndexOf("## 5.", StringComparison.Ordinal), design.IndexOf("## 6.", StringComparison.Ordinal));
        Assert.InRange(begin, 1, end);
        return string.Concat(design.Remove(begin, end - begin).Split("```").Where((_, index) => index % 2 == 0));
    }

    private static IEnumerable<string> MissingOf(string name, Match link)
    {
        var target = link.Groups["target"].Value;
        if (target.Contains("://", StringComparison.Ordinal) || target.StartsWith("mailto:", StringComparison.Ordinal))
            yield break;
        var path = target.Length == 0 ? name : Normal(Path.Combine(Path.GetDirectoryName(name)!, target));
        if (!IsThere(path))
            yield return target;
        else if (link.Groups["heading"] is { Success: true } heading && !Headings(path).Contains(heading.Value, StringComparer.Ordinal))
            yield return "#" + heading.Value;
    }

    /// <summary>The anchors that Markdown viewers give to headings.</summary>
    private static IEnumerable<string> Headings(string path) =>
        File.ReadLines(Path.Combine(Checkout.Root, path)).Where(line => line.StartsWith('#'))
            .Select(line => line.TrimStart('#').Trim().ToLowerInvariant().Where(c => char.IsLetterOrDigit(c) || c is ' ' or '-' or '_'))
            .Select(letters => string.Concat(letters).Replace(' ', '-'));

    /// <summary>A decision may be named by its number alone: <c>docs/adr/0011</c>.</summary>
    private static bool IsThere(string path) =>
        Path.Exists(Path.Combine(Checkout.Root, path))
        || (Decision.Match(path) is { Success: true } match && path.EndsWith(match.Value, StringComparison.Ordinal)
            && IsDecision(match.Groups["number"].Value));

    /// <summary>Whether a file's path ends so.</summary>
    private static bool IsPart(string path) =>
        Names.Value.Any(known => known == path || known.EndsWith('/' + path, StringComparison.Ordinal));

    private static bool IsTest(Match test)
    {
        var file = test.Groups["name"].Value + ".cs";
        return test.Groups["folders"] is { Success: true } folders
            ? IsThere("tests/Caraway.Tests/" + folders.Value["Caraway.Tests.".Length..].Replace('.', '/') + file)
            : IsPart(file);
    }

    private static bool IsDecision(string number) =>
        Names.Value.Any(known => known.StartsWith($"docs/adr/{number.PadLeft(4, '0')}-", StringComparison.Ordinal));

    private static string Normal(string path) =>
        Path.GetRelativePath(Checkout.Root, Path.GetFullPath(Path.Combine(Checkout.Root, path)));
}
