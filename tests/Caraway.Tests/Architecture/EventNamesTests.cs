using System.Text.RegularExpressions;
using Caraway.Advocacy.Contracts;
using Caraway.Care.Contracts;
using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Support.Contracts;

namespace Caraway.Tests.Architecture;

public sealed class EventNamesTests
{
    private static IEnumerable<string> All => AdvocacyEvents.All.Concat(IdentityEvents.All).Concat(CareEvents.All).Concat(SupportEvents.All)
        .Concat(OfThePlatform);

    private static readonly string[] OfThePlatform = [AccessLog.Recorded, EraseEvent.Erased];

    private static List<string> Raised =>
        [.. Sources.Modules.Append("Platform")
            .SelectMany(module => Sources.Of(module))
            .Where(file => !file.Name.Contains("/Contracts/", StringComparison.Ordinal))
            .SelectMany(file => Regex.Matches(
                file.Code,
                @"'(?<name>(case|user|api_key|appointment|lab_result|availability|calendar_link|access|event|"
                + @"support_case|case_template|case_import)\.[a-z_]+)'",
                RegexOptions.ExplicitCapture,
                TimeSpan.FromSeconds(5)))
            .Select(match => match.Groups["name"].Value).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    [Fact]
    public void Every_event_that_SQL_raises_is_in_the_modules_contract_and_the_other_way_round()
    {
        Assert.NotEmpty(Raised);
        Assert.Equal(All.Order(StringComparer.Ordinal), Raised);
    }

    [Fact]
    public void Every_event_is_explained_in_the_documentation()
    {
        var text = Sources.Document("events.md");

        Assert.All(All, name => Assert.Contains($"`{name}`", text, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(typeof(AdvocacyEvents))]
    [InlineData(typeof(IdentityEvents))]
    [InlineData(typeof(CareEvents))]
    [InlineData(typeof(SupportEvents))]
    public void The_contracts_list_has_each_of_its_names_once(Type contract)
    {
        var names = contract.GetFields().Where(f => f.IsLiteral).Select(f => (string)f.GetRawConstantValue()!);

        Assert.Equal(
            names.Order(StringComparer.Ordinal),
            ((IReadOnlyList<string>)contract.GetProperty("All")!.GetValue(null)!).Order(StringComparer.Ordinal));
    }
}
