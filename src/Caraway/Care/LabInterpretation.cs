using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace Caraway.Care;

/// <summary>
/// Interprets a result of the documented shape:
/// <c>{"value":5.1,"unit":"mmol/L","reference_range":{"low":3.5,"high":5.0},"comparator":"&lt;"}</c>. It never guesses: a missing part,
/// another shape, or a comparator that leaves two answers possible gives unknown. A range may have only one bound (FHIR R4,
/// Observation.referenceRange). Numbers are compared exactly, with all their digits.
/// </summary>
internal static class LabInterpretation
{
    public const string Low = "low";
    public const string Normal = "normal";
    public const string High = "high";
    public const string Unknown = "unknown";

    /// <summary>Larger powers of ten are not results, and take long to compare.</summary>
    private const int LargestExponent = 1_000;

    public static string Interpret(JsonElement result)
    {
        if (!result.TryGetProperty("value", out var given) || Number(given) is not { } value
            || !result.TryGetProperty("unit", out var unit) || TextOf(unit) is not { } unitText || string.IsNullOrWhiteSpace(unitText)
            || !result.TryGetProperty("reference_range", out var range) || range.ValueKind != JsonValueKind.Object
            || !TryBound(range, "low", out var low) || !TryBound(range, "high", out var high) || (low is null && high is null)
            || (low is { } bottomBound && high is { } topBound && bottomBound.CompareWith(topBound) > 0))
            return Unknown;
        if (range.TryGetProperty("unit", out var rangeUnit) && TextOf(rangeUnit) != unitText)
            return Unknown;
        var comparator = !result.TryGetProperty("comparator", out var sign) || sign.ValueKind == JsonValueKind.Null ? "=" : TextOf(sign);
        return comparator switch
        {
            "=" => low is { } bottom && value.CompareWith(bottom) < 0 ? Low : high is { } top && value.CompareWith(top) > 0 ? High : Normal,
            // The true value is below the given one.
            "<" when low is { } bottom => value.CompareWith(bottom) <= 0 ? Low : Unknown,
            "<=" when low is { } bottom => value.CompareWith(bottom) < 0 ? Low : Unknown,
            "<" or "<=" => value.CompareWith(high!.Value) <= 0 ? Normal : Unknown,
            // The true value is above the given one.
            ">" when high is { } top => value.CompareWith(top) >= 0 ? High : Unknown,
            ">=" when high is { } top => value.CompareWith(top) > 0 ? High : Unknown,
            ">" or ">=" => value.CompareWith(low!.Value) >= 0 ? Normal : Unknown,
            _ => Unknown,
        };
    }

    private static string? TextOf(JsonElement element) => element.ValueKind == JsonValueKind.String ? element.GetString() : null;

    /// <returns>False when the bound exists and is not a number.</returns>
    private static bool TryBound(JsonElement range, string name, out Exact? bound)
    {
        bound = null;
        if (!range.TryGetProperty(name, out var given) || given.ValueKind == JsonValueKind.Null)
            return true;
        bound = Number(given);
        return bound is not null;
    }

    private static Exact? Number(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Number)
            return null;
        var text = element.GetRawText();
        var e = text.AsSpan().IndexOfAny('e', 'E');
        var exponent = 0;
        if (e >= 0 && !int.TryParse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent))
            return null;
        if (exponent is < -LargestExponent or > LargestExponent)
            return null;
        var digits = e < 0 ? text : text[..e];
        var point = digits.IndexOf('.', StringComparison.Ordinal);
        if (point >= 0)
        {
            exponent -= digits.Length - point - 1;
            digits = digits.Remove(point, 1);
        }

        return digits.Length <= LargestExponent
            ? new Exact(BigInteger.Parse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture), exponent)
            : null;
    }

    /// <summary>A decimal number: digits times a power of ten.</summary>
    private readonly record struct Exact(BigInteger Digits, int Exponent)
    {
        public int CompareWith(Exact other)
        {
            var least = Math.Min(Exponent, other.Exponent);
            return (Digits * BigInteger.Pow(10, Exponent - least)).CompareTo(other.Digits * BigInteger.Pow(10, other.Exponent - least));
        }
    }
}
