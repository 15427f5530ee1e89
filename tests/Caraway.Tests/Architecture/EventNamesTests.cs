using System.Text.RegularExpressions;
using Caraway.Advocacy.Contracts;

namespace Caraway.Tests.Architecture;

public sealed class EventNamesTests
{
    private static List<string> Raised =>
        [.. Sources.Of("Advocacy").Where(file => !file.Name.Contains("/Contracts/", StringComparison.Ordinal))
            .SelectMany(file => Regex.Matches(file.Code, @"'(?<name>case\.[a-z_]+)'", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(5)))
            .Select(match => match.Groups["name"].Value).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    [Fact]
    public void Every_event_that_SQL_raises_is_in_the_modules_contract_and_the_other_way_round()
    {
        Assert.NotEmpty(Raised);
        Assert.Equal(AdvocacyEvents.All.Order(StringComparer.Ordinal), Raised);
    }

    [Fact]
    public void Every_event_is_explained_in_the_documentation()
    {
        var text = Sources.Document("events.md");

        Assert.All(AdvocacyEvents.All, name => Assert.Contains($"`{name}`", text, StringComparison.Ordinal));
    }

    [Fact]
    public void The_contracts_list_has_each_of_its_names_once()
    {
        var names = typeof(AdvocacyEvents).GetFields().Where(f => f.IsLiteral).Select(f => (string)f.GetRawConstantValue()!);

        Assert.Equal(names.Order(StringComparer.Ordinal), AdvocacyEvents.All.Order(StringComparer.Ordinal));
    }
}
