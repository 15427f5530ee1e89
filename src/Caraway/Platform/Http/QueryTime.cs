namespace Caraway.Platform.Http;

/// <summary>A time in a query, in every form of <see cref="TimeText"/>.</summary>
internal static class QueryTime
{
    public const string Sentence = "It must be a time such as 2026-01-31T08:15:30Z, or a day.";

    /// <summary>Where the offset's sign stands at the earliest: behind <c>2026-01-31T08:15</c>.</summary>
    private const int EarliestOffset = 16;

    private static readonly DateTime Earliest = new(1900, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private static readonly DateTime Latest = new(9000, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>Absent and empty text gives null. A time before 1900 or after 9000 becomes that year's beginning.</summary>
    /// <returns>False when the text is not a time.</returns>
    public static bool TryRead(string? text, out DateTime? time)
    {
        time = null;
        if (string.IsNullOrEmpty(text))
            return true;
        // A plus sign that the client did not encode arrives as a blank.
        var blank = text.LastIndexOf(' ');
        if (blank >= EarliestOffset)
            text = text.Remove(blank, 1).Insert(blank, "+");
        if (!TimeText.TryParse(text, out var utc))
            return false;
        time = utc < Earliest ? Earliest : utc > Latest ? Latest : utc;
        return true;
    }
}
