using System.Text.Json;
using Caraway.Care;

namespace Caraway.Tests.Care;

public sealed class LabInterpretationTests
{
    [Theory]
    [InlineData("5.1", null, "3.5", "5.0", "high")]
    [InlineData("5.0", null, "3.5", "5.0", "normal")]
    [InlineData("5.00", "=", "3.5", "5", "normal")]
    [InlineData("3.5", null, "3.5", "5.0", "normal")]
    [InlineData("3.49", null, "3.5", "5.0", "low")]
    [InlineData("-1", null, "-2", "2", "normal")]
    [InlineData("5e0", null, "3.5", "50e-1", "normal")]
    [InlineData("5.00000000000000000000000000000000000001", null, "3.5", "5.0", "high")]
    [InlineData("4.99999999999999999999999999999999999999", null, "3.5", "5.0", "normal")]
    [InlineData("0.1000000000000000000000000000001", null, null, "0.1", "high")]
    [InlineData("123456789012345678901234567890", null, null, "123456789012345678901234567889", "high")]
    // Ranges with one bound.
    [InlineData("3", null, null, "5", "normal")]
    [InlineData("6", null, null, "5", "high")]
    [InlineData("3", null, "5", null, "low")]
    [InlineData("6", null, "5", null, "normal")]
    // Values below or above a limit of the measurement.
    [InlineData("3.5", "<", "3.5", "5", "low")]
    [InlineData("3.6", "<", "3.5", "5", "unknown")]
    [InlineData("3.5", "<=", "3.5", "5", "unknown")]
    [InlineData("3.4", "<=", "3.5", "5", "low")]
    [InlineData("5", "<", null, "5", "normal")]
    [InlineData("5.1", "<", null, "5", "unknown")]
    [InlineData("5", "<=", null, "5", "normal")]
    [InlineData("5", ">", "3.5", "5", "high")]
    [InlineData("5", ">=", "3.5", "5", "unknown")]
    [InlineData("5.1", ">=", "3.5", "5", "high")]
    [InlineData("4", ">", "3.5", "5", "unknown")]
    [InlineData("3.5", ">", "3.5", null, "normal")]
    [InlineData("3.4", ">", "3.5", null, "unknown")]
    [InlineData("5", "~", "3.5", "5", "unknown")]
    [InlineData("5", "", "3.5", "5", "unknown")]
    // Missing and impossible ranges, and numbers that are too large.
    [InlineData("5", null, null, null, "unknown")]
    [InlineData("5", null, "6", "4", "unknown")]
    [InlineData("1e400000", null, null, "5", "unknown")]
    [InlineData("1e99999999999", null, null, "5", "unknown")]
    public void A_value_is_compared_exactly_with_its_range(
        string value, string? comparator, string? low, string? high, string interpretation) =>
        Assert.Equal(interpretation, Interpret(
            $$"""
            {"value":{{value}},"unit":"mmol/L","reference_range":{"low":{{low ?? "null"}},"high":{{high ?? "null"}} },
             "comparator":{{(comparator is null ? "null" : $"\"{comparator}\"")}} }
            """));

    [Theory]
    [InlineData("""{}""")]
    [InlineData("""{"unit":"g","reference_range":{"low":1,"high":2}}""")]
    [InlineData("""{"value":1,"reference_range":{"low":1,"high":2}}""")]
    [InlineData("""{"value":1,"unit":"","reference_range":{"low":1,"high":2}}""")]
    [InlineData("""{"value":1,"unit":null,"reference_range":{"low":1,"high":2}}""")]
    [InlineData("""{"value":1,"unit":"g"}""")]
    [InlineData("""{"value":1,"unit":"g","reference_range":{}}""")]
    [InlineData("""{"value":1,"unit":"g","reference_range":"1-2"}""")]
    [InlineData("""{"value":"1","unit":"g","reference_range":{"low":1,"high":2}}""")]
    [InlineData("""{"value":null,"unit":"g","reference_range":{"low":1,"high":2}}""")]
    [InlineData("""{"value":true,"unit":"g","reference_range":{"low":1,"high":2}}""")]
    [InlineData("""{"value":1,"unit":"g","reference_range":{"low":"1","high":2}}""")]
    [InlineData("""{"value":1,"unit":"g","reference_range":{"low":1,"high":[]}}""")]
    [InlineData("""{"value":1,"unit":"g","reference_range":{"low":1,"high":2,"unit":"mg"}}""")]
    [InlineData("""{"value":1,"unit":"g","reference_range":{"low":1,"high":2},"comparator":1}""")]
    [InlineData("""{"Value":1,"unit":"g","reference_range":{"low":1,"high":2}}""")]
    public void A_missing_part_or_another_shape_is_unknown(string result) => Assert.Equal("unknown", Interpret(result));

    [Fact]
    public void A_range_may_repeat_the_unit() =>
        Assert.Equal("normal", Interpret("""{"value":1,"unit":"g","reference_range":{"low":1,"high":2,"unit":"g"}}"""));

    private static string Interpret(string json) => LabInterpretation.Interpret(JsonDocument.Parse(json).RootElement);
}
