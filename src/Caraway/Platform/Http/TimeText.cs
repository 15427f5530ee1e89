using System.Globalization;
using System.Text.RegularExpressions;

namespace Caraway.Platform.Http;

/// <summary>
/// Times as text, in RFC 3339 and in the wider forms that clients of the earlier APIs send: a blank or small letters in place of
/// <c>T</c> and <c>Z</c>, no seconds, the offsets <c>+0200</c> and <c>+02</c>, and a day, which means its beginning. UTC without an offset.
/// </summary>
internal static partial class TimeText
{
    /// <summary>DateTime has this many digits of a second; the database keeps one less.</summary>
    private const int MostDigits = 7;

    [GeneratedRegex(
        @"^(?<day>\d{4}-\d\d-\d\d)([Tt ](?<clock>\d\d:\d\d(:\d\d)?)(\.(?<fraction>\d{1,16}))?(?<offset>[Zz]|[+-]\d\d(:?\d\d)?)?)?\z",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Form { get; }

    public static bool TryParse(string text, out DateTime utc)
    {
        utc = default;
        if (Form.Match(text) is not { Success: true } match)
            return false;
        var clock = match.Groups["clock"] is { Success: true } given ? given.Value : "00:00";
        var fraction = match.Groups["fraction"].Value;
        if (fraction.Length > 0)
            clock += string.Concat(".", fraction.AsSpan(0, Math.Min(fraction.Length, MostDigits)));
        var parsed = DateTimeOffset.TryParse(
            $"{match.Groups["day"].Value}T{clock}{Offset(match.Groups["offset"].Value)}", CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time);
        utc = time.UtcDateTime;
        return parsed;
    }

    /// <summary>
    /// Whether the time is one that somebody gave. .NET programs write the year 1 for a time that was never set, and the database's driver
    /// would make <c>-infinity</c> of its first moment.
    /// </summary>
    public static bool IsGiven(DateTime utc) => utc.Year > 1;

    /// <summary>The offset as .NET reads it: <c>Z</c>, or hours and minutes with a colon.</summary>
    private static string Offset(string offset) => offset.Length switch
    {
        1 => "Z",
        3 => offset + ":00",
        5 => offset.Insert(3, ":"),
        _ => offset,
    };
}
