using Caraway.Platform.Http;
using Caraway.Platform.Search;
using Microsoft.AspNetCore.Mvc;

namespace Caraway.Support;

/// <summary>The filters of a list of cases, checked. A null member filters nothing.</summary>
internal sealed record CaseFilter
{
    /// <summary>The filters as a list and an export take them in the address.</summary>
    internal sealed record Query
    {
        [FromQuery(Name = "status"), SupportStatusWord]
        public string? Status { get; init; }

        [FromQuery(Name = "severity"), SeverityWord]
        public string? Severity { get; init; }

        [FromQuery(Name = "category"), CategoryWord]
        public string? Category { get; init; }

        [FromQuery(Name = "tag")]
        public string? Tag { get; init; }

        [FromQuery(Name = "session_id")]
        public string? SessionId { get; init; }

        [FromQuery(Name = "q")]
        public string? Q { get; init; }
    }

    /// <summary>The fields that a query can name.</summary>
    public static IReadOnlyList<SearchField> Fields { get; } =
    [
        new(SearchField.Status, CaseWords.Table.Statuses), new(SearchField.Severity, CaseWords.Severities),
        new(SearchField.Category, CaseWords.Categories), SearchField.Tag, SearchField.Before, SearchField.After,
    ];

    public string? Status { get; private init; }

    public string? Severity { get; private init; }

    public string? Category { get; private init; }

    public string? Tag { get; private init; }

    public string? SessionId { get; private init; }

    /// <summary>The text and the fields of <c>q</c>. A field filters in addition to the filter of the same name.</summary>
    public SearchQuery Text { get; private init; } = new();

    /// <summary>The values of <c>@Marks</c>: what the index has of a case's status, severity and category.</summary>
    public string[] Marks =>
    [
        .. new[]
        {
            Status, Severity, Category, Text[SearchField.Status], Text[SearchField.Severity], Text[SearchField.Category],
        }.OfType<string>(),
    ];

    public string? TextTag => Text[SearchField.TagName];

    public static CaseFilter Of(SearchQuery query) => new() { Text = query };

    /// <returns>The refusal, or null when <paramref name="filter"/> is good.</returns>
    public static Refusal? Read(Query query, out CaseFilter filter)
    {
        filter = new CaseFilter
        {
            Status = NullIfEmpty(query.Status), Severity = NullIfEmpty(query.Severity), Category = NullIfEmpty(query.Category),
            Tag = NullIfEmpty(query.Tag), SessionId = NullIfEmpty(query.SessionId),
        };
        if (SearchQuery.Read(query.Q ?? "", Fields, out var text) is { } badText)
            return badText;
        filter = filter with { Text = text };
        if (filter.Status is not null && !CaseWords.Table.Knows(filter.Status))
            return Refusal.InvalidQuery("status", CaseWords.StatusSentence);
        if (filter.Severity is not null && !CaseWords.Severities.Contains(filter.Severity, StringComparer.Ordinal))
            return Refusal.InvalidQuery("severity", CaseWords.SeveritySentence);
        if (filter.Category is not null && !CaseWords.Categories.Contains(filter.Category, StringComparer.Ordinal))
            return Refusal.InvalidQuery("category", CaseWords.CategorySentence);
        foreach (var (name, value) in new[] { ("tag", filter.Tag), ("session_id", filter.SessionId) })
        {
            if (value?.Contains('\0', StringComparison.Ordinal) == true)
                return Refusal.InvalidQuery(name, "The text must not have the character U+0000.");
        }

        return null;
    }

    /// <summary>
    /// The conditions on a case <c>c</c> with which an index can be walked in order. A status is a literal, so that the planner of a
    /// prepared statement knows how rare it is; the workflow knows the word.
    /// </summary>
    public string OrderedSql =>
        (Status is null ? "" : $" and c.status = '{Status}'")
        + (Text[SearchField.Status] is { } status ? $" and c.status = '{status}'" : "")
        + (SessionId is null ? "" : " and c.session_id = @SessionId")
        + (Text.Before is null ? "" : " and c.created_at < @OpenedBefore")
        + (Text.After is null ? "" : " and c.created_at >= @OpenedAfter");

    /// <summary>All conditions on a case <c>c</c>, without the words.</summary>
    public string Sql => OrderedSql + OtherSql;

    /// <summary>The conditions of <see cref="Sql"/> for which an index in order has nothing.</summary>
    public string OtherSql =>
        (Severity is null ? "" : " and c.severity = @Severity")
        + (Category is null ? "" : " and c.category = @Category")
        + (Text[SearchField.Severity] is null && Text[SearchField.Category] is null ? "" : $" and {HasMarks}")
        + (Tag is null ? "" : " and c.tags @> array[@Tag]")
        + (TextTag is null ? "" : " and c.tags @> array[@TextTag]");

    /// <summary>The same for a statement that reads the index of words.</summary>
    public string IndexedSql => Sql + (Marks.Length == 0 ? "" : $" and {HasMarks}");

    /// <summary>Whether that index finds the cases by their marks or tags, whatever the words are.</summary>
    public bool IsIndexable => Marks.Length > 0 || Tag is not null || TextTag is not null;

    private const string HasMarks = "array[c.status, c.severity, c.category] @> @Marks";

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
