using Caraway.Platform.Http;

namespace Caraway.Platform.Search;

/// <summary>A field that a query can name, as in <c>status:resolved</c>.</summary>
/// <param name="Name">One of <see cref="All"/>.</param>
/// <param name="Words">The values, as they are stored; null for a field that takes any text, or a time.</param>
internal sealed record SearchField(string Name, IReadOnlyList<string>? Words = null)
{
    public const string Status = "status";
    public const string Severity = "severity";
    public const string Category = "category";
    public const string TagName = "tag";
    public const string AssigneeName = "assignee";
    public const string BeforeName = "before";
    public const string AfterName = "after";

    /// <summary>The names that are fields. Any other text with a colon is text.</summary>
    public static IReadOnlyList<string> All { get; } = [Status, Severity, Category, TagName, AssigneeName, BeforeName, AfterName];

    public static SearchField Tag { get; } = new(TagName);

    public static SearchField Assignee { get; } = new(AssigneeName);

    public static SearchField Before { get; } = new(BeforeName);

    public static SearchField After { get; } = new(AfterName);

    /// <summary>Joins the fields of several kinds: a field that two kinds have takes the words of both.</summary>
    public static IReadOnlyList<SearchField> Join(IEnumerable<SearchField> fields) =>
    [
        .. fields.GroupBy(field => field.Name, StringComparer.Ordinal).Select(same => new SearchField(
            same.Key,
            same.Any(field => field.Words is null)
                ? null
                : [.. same.SelectMany(field => field.Words!).Distinct(StringComparer.Ordinal)])),
    ];

    /// <param name="value">The value in its stored form.</param>
    /// <returns>A sentence about the fault of the given value; null when it is good.</returns>
    public string? Check(string given, out string value)
    {
        value = given;
        if (given.Length == 0)
            return $"Write a value after {Name}: without a blank between them.";
        if (Name is BeforeName or AfterName)
            return QueryTime.TryRead(given, out _) ? null : $"The value of {Name}: must be a time such as 2026-01-31T08:15:30Z, or a day.";
        if (Words is null)
            return null;
        if (Words.FirstOrDefault(word => word.Equals(given, StringComparison.OrdinalIgnoreCase)) is not { } stored)
            return $"The value of {Name}: must be one of {string.Join(", ", Words)}.";
        value = stored;
        return null;
    }
}
