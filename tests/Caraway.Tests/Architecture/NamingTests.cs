using System.Text.RegularExpressions;

namespace Caraway.Tests.Architecture;

public sealed partial class NamingTests
{
    private static readonly string[] Empty =
        ["Service", "Services", "Manager", "Helper", "Helpers", "Util", "Utils", "Utility", "Dto", "Impl"];

    /// <summary>Classes that are public on purpose: other assemblies' code generators or signatures need them.</summary>
    private static readonly string[] PublicClasses = ["Workflow"];

    private const string Modifier = "public|internal|private|protected|file|sealed|static|abstract|partial|readonly|ref";

    private const string Kind = @"record[ \t]+struct|record[ \t]+class|record|class|struct|interface|enum";

    [GeneratedRegex(
        $@"^[ \t]*(?<modifiers>(?:(?:{Modifier})[ \t]+)*)(?<kind>{Kind})[ \t]+(?<name>[A-Z]\w*)",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        5000)]
    private static partial Regex Declaration { get; }

    [GeneratedRegex("[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", RegexOptions.None, 5000)]
    private static partial Regex Word { get; }

    private static List<(string File, string Modifiers, string Kind, string Name)> Types =>
        [.. from file in Sources.Of()
            from Match match in Declaration.Matches(file.Code)
            select (file.Name, match.Groups["modifiers"].Value, match.Groups["kind"].Value, match.Groups["name"].Value)];

    [Fact]
    public void The_scan_finds_the_types()
    {
        Assert.True(Types.Count > 60, $"Only {Types.Count} types were found.");
        Assert.Contains(Types, type => type is { Name: "RowId", Kind: "record struct" });
        Assert.Contains(Types, type => type is { Name: "SubmitIntake", Kind: "class" });
    }

    [Fact]
    public void No_type_has_a_name_that_says_nothing()
    {
        Assert.Contains("Manager", Words("CaseManager2"));
        Assert.DoesNotContain("Impl", Words("SimpleThing"));

        Assert.Empty(Types
            .Where(type => Words(type.Name).Intersect(Empty, StringComparer.Ordinal).Any())
            .Select(type => $"{type.File}: {type.Name}"));
    }

    [Fact]
    public void A_class_is_sealed_static_or_abstract_and_no_wider_than_internal() =>
        Assert.Empty(Types.Where(type => type.Kind == "class" && !PublicClasses.Contains(type.Name, StringComparer.Ordinal))
            .Where(type => type.Modifiers.Contains("public", StringComparison.Ordinal)
                || !new[] { "sealed", "static", "abstract" }.Any(word => type.Modifiers.Contains(word, StringComparison.Ordinal)))
            .Select(type => $"{type.File}: {type.Modifiers}class {type.Name}"));

    [Fact]
    public void A_record_is_sealed() =>
        Assert.Empty(Types.Where(type => type.Kind is "record" or "record class"
            && !type.Modifiers.Contains("sealed", StringComparison.Ordinal)).Select(type => $"{type.File}: {type.Name}"));

    [Fact]
    public void A_file_of_a_module_has_the_name_of_a_type_in_it() =>
        Assert.All(Sources.Modules.SelectMany(module => Sources.Of(module)), file => Assert.Contains(
            Declaration.Matches(file.Code), match => match.Groups["name"].Value == Path.GetFileNameWithoutExtension(file.Name)));

    private static IEnumerable<string> Words(string name) =>
        Word.Matches(name).Select(match => match.Value.TrimEnd("0123456789".ToCharArray()));
}
