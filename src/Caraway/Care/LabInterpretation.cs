using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace Caraway.Care;

/// <summary>
/// What a result of the documented shape means: <c>{"value":5.1,"unit":"mmol/L","reference_range":{"low":3.5,"high":5.0},"comparator":"&lt;"}</c>.
/// Never guessed: what is missing, of another shape, or leaves both possible is unknown. One bound alone is a range without the other
/// (FHIR R4, Observation.referenceRange). Numbers are compared exactly, whatever their digits.
/// </summary>
internal static class LabInterpretation
{
    public const string Low = "low";
    public const string Normal = "normal";
    public const string High = "high";
    public const string Unknown = "unknown";

    /// <summary>Beyond it, a power of ten is nobody's result, and would take time to compare.</summary>
    private const int LargestExponent = 1_000;

    public static string Of(JsonElement result)
    {
        if (!result.TryGetProperty("value", out var given) || Number(given) is not { } value
            || !result.TryGetProperty("unit", out var unit) || unit.ValueKind != JsonValueKind.String || string.IsNullOrWhiteSpace(unit.GetString())
            || !result.TryGetProperty("reference_range", out var range) || range.ValueKind != JsonValueKind.Object
            || !TryBound(range, "low", out var low) || !TryBound(range, "high", out var high) || (low is null && high is null)
            || (low is { } l && high is { } h && l.Against(h) > 0))
            return Unknown;
        if (range.TryGetProperty("unit", out var ofRange) && !(ofRange.ValueKind == JsonValueKind.String && ofRange.GetString() == unit.GetString()))
            return Unknown;
        var comparator = !result.TryGetProperty("comparator", out var sign) || sign.ValueKind == JsonValueKind.Null ? "="
            : sign.ValueKind == JsonValueKind.String ? sign.GetString() : null;
        return comparator switch
        {
            "=" => low is { } bottom && value.Against(bottom) < 0 ? Low : high is { } top && value.Against(top) > 0 ? High : Normal,
            // All that it can be lies below the value.
            "<" => low is { } bottom ? (value.Against(bottom) <= 0 ? Low : Unknown) : value.Against(high!.Value) <= 0 ? Normal : Unknown,
            "<=" => low is { } bottom ? (value.Against(bottom) < 0 ? Low : Unknown) : value.Against(high!.Value) <= 0 ? Normal : Unknown,
            // All that it can be lies above the value.
            ">" => high is { } top ? (value.Against(top) >= 0 ? High : Unknown) : value.Against(low!.Value) >= 0 ? Normal : Unknown,
            ">=" => high is { } top ? (value.Against(top) > 0 ? High : Unknown) : value.Against(low!.Value) >= 0 ? Normal : Unknown,
            _ => Unknown,
        };
    }

    /// <returns>False when there is a bound and it is no number.</returns>
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
        if (e >= 0 && (!int.TryParse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent) || exponent is < -LargestExponent or > LargestExponent))
            return null;
        var digits = e < 0 ? text : text[..e];
        var point = digits.IndexOf('.', StringComparison.Ordinal);
        if (point >= 0)
        {
            exponent -= digits.Length - point - 1;
            digits = digits.Remove(point, 1);
        }

        return digits.Length <= LargestExponent ? new Exact(BigInteger.Parse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture), exponent) : null;
    }

    /// <summary>A decimal number: digits times a power of ten.</summary>
    private readonly record struct Exact(BigInteger Digits, int Exponent)
    {
        public int Against(Exact other)
        {
            var least = Math.Min(Exponent, other.Exponent);
            return (Digits * BigInteger.Pow(10, Exponent - least)).CompareTo(other.Digits * BigInteger.Pow(10, other.Exponent - least));
        }
    }
}
