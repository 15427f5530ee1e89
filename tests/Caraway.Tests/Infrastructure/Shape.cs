using System.Text.Json;
using System.Text.RegularExpressions;

namespace Caraway.Tests.Infrastructure;

/// <summary>Compares JSON with JSON, whatever the order of the fields.</summary>
internal static partial class Shape
{
    /// <summary>Times as the contract writes them: UTC with <c>Z</c> and six digits. Any other form fails the comparison.</summary>
    [GeneratedRegex("\"\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z\"", RegexOptions.None, 1000)]
    private static partial Regex Time { get; }

    /// <param name="expected">The JSON; <c>"(time)"</c> stands for each time.</param>
    public static void Is(string expected, string actual)
    {
        var timeless = Time.Replace(actual, "\"(time)\"");
        Assert.True(
            JsonElement.DeepEquals(JsonDocument.Parse(expected).RootElement, JsonDocument.Parse(timeless).RootElement),
            $"Expected: {expected}\nActual:   {timeless}");
    }

    public static void Is(string expected, Answer answer) => Is(expected, answer.Body);
}
