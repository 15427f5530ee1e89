using System.Reflection;
using System.Text.RegularExpressions;
using Caraway.Advocacy.Contracts;
using Caraway.Platform.Http;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Architecture;

public sealed partial class NamingTests
{
    [GeneratedRegex("'case\\.[a-z_]+'")]
    private static partial Regex EventName { get; }

    private static readonly string[] Avoided = ["Manager", "Helper", "Util", "Dto", "Impl"];

    private static IReadOnlyList<Type> Types { get; } =
        [.. typeof(CarawayApplication).Assembly.GetTypes().Where(type => type.Namespace?.StartsWith("Caraway", StringComparison.Ordinal) == true && !type.Name.Contains('<', StringComparison.Ordinal))];

    [Fact]
    public void No_name_says_nothing()
    {
        Assert.InRange(Types.Count, 60, 10_000);
        foreach (var type in Types)
            Assert.All(Avoided, word => Assert.False(type.Name.Contains(word, StringComparison.Ordinal), $"{type.FullName} has \"{word}\" in its name."));
    }

    [Fact]
    public void Classes_are_sealed_or_static()
    {
        foreach (var type in Types.Where(type => type is { IsClass: true, IsAbstract: false } && !type.IsDefined(typeof(System.Runtime.CompilerServices.CompilerGeneratedAttribute), inherit: false)))
            Assert.True(type.IsSealed, $"{type.FullName} is open for inheritance.");
    }

    [Fact]
    public void Every_problem_code_is_in_the_API_document()
    {
        var codes = typeof(ProblemCodes).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (string)field.GetRawConstantValue()!).ToList();
        var document = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "api.md"));

        Assert.InRange(codes.Count, 15, 1000);
        Assert.All(codes, code => Assert.Contains($"`{code}`", document, StringComparison.Ordinal));
        Assert.Equal(codes.Count, codes.Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void Every_event_is_raised_somewhere_and_in_the_events_document()
    {
        var document = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "events.md"));
        var source = string.Concat(Source.Files.Where(file => !file.Key.Contains("/Contracts/", StringComparison.Ordinal)).Select(file => file.Value));

        Assert.NotEmpty(AdvocacyEvents.All);
        foreach (var name in AdvocacyEvents.All)
        {
            Assert.Contains($"| `{name}` |", document, StringComparison.Ordinal);
            Assert.Contains($"'{name}'", source, StringComparison.Ordinal);
        }

        foreach (Match raised in EventName.Matches(source))
            Assert.Contains(raised.Value.Trim('\''), AdvocacyEvents.All);
    }

    [Fact]
    public void Program_is_a_table_of_contents() =>
        Assert.InRange(Source.Files["Program.cs"].Split('\n').Length, 5, 50);
}
