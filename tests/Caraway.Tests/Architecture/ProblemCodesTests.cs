using System.Reflection;
using System.Text.RegularExpressions;
using Caraway.Platform.Http;

namespace Caraway.Tests.Architecture;

public sealed partial class ProblemCodesTests
{
    private static List<string> Codes =>
        [.. typeof(ProblemCodes)
            .GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(f => f.IsLiteral)
            .Select(f => (string)f.GetRawConstantValue()!)];

    [GeneratedRegex(@"^\| (?<status>\d{3}) \| `(?<code>[a-z_]+)` \| \S", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Row { get; }

    [Fact]
    public void The_documentation_explains_each_code_once_in_the_order_of_status_and_code()
    {
        var rows = Row.Matches(Sources.Document("api/README.md"))
            .Select(row => (Status: row.Groups["status"].Value, Code: row.Groups["code"].Value))
            .ToList();

        Assert.True(Codes.Count > 10);
        Assert.Equal(rows.OrderBy(row => row.Status, StringComparer.Ordinal).ThenBy(row => row.Code, StringComparer.Ordinal), rows);
        Assert.Equal(Codes.Order(StringComparer.Ordinal), rows.Select(row => row.Code).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_code_is_one_word_in_snake_case_and_unique()
    {
        Assert.All(Codes, code => Assert.Matches("^[a-z]+(_[a-z]+)*$", code));
        Assert.Equal(Codes.Count, Codes.Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void Every_code_is_used()
    {
        var uses = Sources.Of()
            .Where(file => !file.Name.EndsWith("/ProblemCodes.cs", StringComparison.Ordinal))
            .Select(file => file.Code)
            .ToList();
        var status = Enumerable.Range(400, 200).Select(ProblemCodes.ForStatus).ToHashSet(StringComparer.Ordinal);
        var names = typeof(ProblemCodes).GetFields(BindingFlags.Public | BindingFlags.Static).Where(f => f.IsLiteral);

        Assert.All(names, name => Assert.True(
            status.Contains((string)name.GetRawConstantValue()!)
                || uses.Any(use => use.Contains($"ProblemCodes.{name.Name}", StringComparison.Ordinal)),
            $"{name.Name} is used nowhere."));
    }

    [Theory]
    [InlineData(400, "malformed_request")]
    [InlineData(401, "api_key_required")]
    [InlineData(403, "not_permitted")]
    [InlineData(404, "not_found")]
    [InlineData(405, "method_not_allowed")]
    [InlineData(406, "not_acceptable")]
    [InlineData(413, "body_too_large")]
    [InlineData(415, "unsupported_media_type")]
    [InlineData(422, "invalid")]
    [InlineData(500, "internal_error")]
    [InlineData(503, "database_unavailable")]
    public void A_status_alone_has_a_code(int status, string code) => Assert.Equal(code, ProblemCodes.ForStatus(status));
}
