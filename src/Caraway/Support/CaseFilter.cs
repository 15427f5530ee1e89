using Caraway.Platform.Http;

namespace Caraway.Support;

/// <summary>The filters of a list of cases, checked. A null member filters nothing.</summary>
internal sealed record CaseFilter
{
    private const int LongestWords = 200;

    public string? Status { get; private init; }

    public string? Severity { get; private init; }

    public string? Category { get; private init; }

    public string? Tag { get; private init; }

    public string? SessionId { get; private init; }

    /// <summary>The words of <c>q</c>, in the form of PostgreSQL's <c>websearch_to_tsquery</c>.</summary>
    public string? Words { get; private init; }

    /// <returns>The refusal, or null when <paramref name="filter"/> is good.</returns>
    public static Refusal? Read(ListCases.Query query, out CaseFilter filter)
    {
        filter = new CaseFilter
        {
            Status = NullIfEmpty(query.Status), Severity = NullIfEmpty(query.Severity), Category = NullIfEmpty(query.Category),
            Tag = NullIfEmpty(query.Tag), SessionId = NullIfEmpty(query.SessionId),
            Words = string.IsNullOrWhiteSpace(query.Q) ? null : query.Q,
        };
        if (filter.Status is not null && !CaseWords.Table.Knows(filter.Status))
            return Refusal.InvalidQuery("status", CaseWords.StatusSentence);
        if (filter.Severity is not null && !CaseWords.Severities.Contains(filter.Severity, StringComparer.Ordinal))
            return Refusal.InvalidQuery("severity", CaseWords.SeveritySentence);
        if (filter.Category is not null && !CaseWords.Categories.Contains(filter.Category, StringComparer.Ordinal))
            return Refusal.InvalidQuery("category", CaseWords.CategorySentence);
        if (filter.Words?.Length > LongestWords)
            return Refusal.InvalidQuery("q", "The search text must have at most 200 characters.");
        foreach (var (name, text) in new[] { ("tag", filter.Tag), ("session_id", filter.SessionId), ("q", filter.Words) })
        {
            if (text?.Contains('\0', StringComparison.Ordinal) == true)
                return Refusal.InvalidQuery(name, "The text must not have the character U+0000.");
        }

        return null;
    }

    /// <summary>
    /// The conditions on a case <c>c</c>. A status is a literal, so that the planner of a prepared statement knows how rare it is; the
    /// workflow knows the word.
    /// </summary>
    public string Sql =>
        (Status is null ? "" : $" and c.status = '{Status}'")
        + (Severity is null ? "" : " and c.severity = @Severity")
        + (Category is null ? "" : " and c.category = @Category")
        + (Tag is null ? "" : " and c.tags @> array[@Tag]")
        + (SessionId is null ? "" : " and c.session_id = @SessionId")
        + (Words is null ? "" : " and c.search @@ websearch_to_tsquery('platform.words', @Words)");

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
