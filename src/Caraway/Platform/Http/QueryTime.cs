using System.Globalization;
using System.Text.RegularExpressions;

namespace Caraway.Platform.Http;

/// <summary>A time in a query: <c>2026-01-31T08:15:30.123456Z</c>, with any offset or, in UTC, without one; or a day, which is its beginning (RFC 3339).</summary>
internal static partial class QueryTime
{
    public const string Sentence = "It must be a time such as 2026-01-31T08:15:30Z, or a day.";

    /// <summary>A plus sign that was not encoded comes as a space.</summary>
    [GeneratedRegex(@"^(?<day>\d{4}-\d\d-\d\d)([T ](?<clock>\d\d:\d\d(:\d\d(\.\d{1,7})?)?)(?<offset>Z|[+ -]\d\d:\d\d)?)?$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Form { get; }

    /// <summary>Absent and empty are no time. What lies beyond 1900 and 9000 is these.</summary>
    /// <returns>False when the text is none.</returns>
    public static bool TryRead(string? text, out DateTime? time)
    {
        time = null;
        if (string.IsNullOrEmpty(text))
            return true;
        if (text.Contains('\n', StringComparison.Ordinal) || Form.Match(text) is not { Success: true } match)
            return false;
        var offset = match.Groups["offset"].Value.Replace(' ', '+');
        var clock = match.Groups["clock"] is { Success: true } group ? group.Value : "00:00";
        if (!DateTimeOffset.TryParse($"{match.Groups["day"].Value}T{clock}{offset}", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var parsed))
            return false;
        var utc = parsed.UtcDateTime;
        time = utc.Year < 1900 ? new DateTime(1900, 1, 1, 0, 0, 0, DateTimeKind.Utc) : utc.Year > 9000 ? new DateTime(9000, 1, 1, 0, 0, 0, DateTimeKind.Utc) : utc;
        return true;
    }
}
