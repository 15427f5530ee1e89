using System.Globalization;

namespace Caraway.Support.Files;

/// <summary>The fields of a case in a file, in the order of the columns, and the forms of their values.</summary>
internal static class CaseColumns
{
    public const string CaseId = "case_id";
    public const string UserId = "user_id";
    public const string SessionId = "session_id";
    public const string Title = "title";
    public const string Description = "description";
    public const string Status = "status";
    public const string Severity = "severity";
    public const string Category = "category";
    public const string Metadata = "metadata";
    public const string Tags = "tags";
    public const string CreatedAt = "created_at";
    public const string UpdatedAt = "updated_at";
    public const string ResolvedAt = "resolved_at";

    public static IReadOnlyList<string> All { get; } =
    [
        CaseId, UserId, SessionId, Title, Description, Status, Severity, Category, Metadata, Tags, CreatedAt, UpdatedAt, ResolvedAt,
    ];

    /// <summary>Where a case comes from. These columns count only for callers who act as every owner.</summary>
    public static IReadOnlyList<string> Origin { get; } = [CaseId, UserId, CreatedAt, UpdatedAt, ResolvedAt];

    /// <summary>As every time of the API is written.</summary>
    public static string Write(DateTime utc) => utc.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
