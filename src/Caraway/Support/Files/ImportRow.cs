using System.Globalization;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace Caraway.Support.Files;

/// <summary>A valid row of an import.</summary>
internal sealed partial record ImportRow
{
    /// <summary>No program gives a higher number; a file with one must not use up the numbers of a day.</summary>
    private const int HighestNumber = 999_999;

    /// <summary>Number of the row in its file, from 1.</summary>
    public required long Place { get; init; }

    /// <summary>Null draws an id.</summary>
    public long? Id { get; init; }

    /// <summary>The actor who owns the case; null means the sender of the import.</summary>
    public string? Owner { get; init; }

    public string? SessionId { get; init; }

    /// <summary>Null: the case gets a number of its owner's day.</summary>
    public string? Title { get; init; }

    public required string Description { get; init; }

    public required string Status { get; init; }

    public required string Severity { get; init; }

    public required string Category { get; init; }

    /// <summary>JSON, as it stands in the file.</summary>
    public required string Metadata { get; init; }

    public required string[] Tags { get; init; }

    /// <summary>Null means the time of the import; then the other times are null, too.</summary>
    public DateTime? CreatedAt { get; init; }

    public DateTime? UpdatedAt { get; init; }

    public DateTime? ResolvedAt { get; init; }

    /// <summary>Number of characters of the texts that can be long.</summary>
    [JsonIgnore]
    public int Length => Description.Length + Metadata.Length + Tags.Sum(tag => tag.Length);

    [GeneratedRegex(
        @"^Case-(?<day>[0-9]{4})-(?<number>[1-9][0-9]{0,5})\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex NumberedTitle { get; }

    /// <summary>The number in a title that was given on the day of the case: such a case has taken this number already.</summary>
    public int? NumberOn(DateOnly day) =>
        Title is not null && NumberedTitle.Match(Title) is { Success: true } match
            && match.Groups["day"].Value == day.ToString("MMdd", CultureInfo.InvariantCulture)
            ? Math.Min(int.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture), HighestNumber)
            : null;
}
