using System.Text.Json;
using Caraway.Platform.Http;

namespace Caraway.Support;

/// <summary>A support case as the API shows it.</summary>
internal static class SupportCase
{
    /// <param name="UserId">The owner: a gateway's own id, <c>user:5</c> or <c>apikey:7</c>.</param>
    /// <param name="Metadata">The object as it was sent; numbers keep every digit.</param>
    public sealed record Response(
        string CaseId,
        string UserId,
        string? SessionId,
        string Title,
        string Description,
        [property: SupportStatusWord] string Status,
        [property: SeverityWord] string Severity,
        [property: CategoryWord] string Category,
        JsonElement Metadata,
        IReadOnlyList<string> Tags,
        DateTime CreatedAt,
        DateTime UpdatedAt,
        DateTime? ResolvedAt);

    /// <summary>A row of <see cref="Columns"/>.</summary>
    internal sealed class Row : Fields;

    /// <summary>The fields of a row. Some statements add columns to them.</summary>
    internal abstract class Fields
    {
        public long Id { get; init; }

        public string Owner { get; init; } = "";

        public string? SessionId { get; init; }

        public string Title { get; init; } = "";

        public string Description { get; init; } = "";

        public string Status { get; init; } = "";

        public string Severity { get; init; } = "";

        public string Category { get; init; } = "";

        public string Metadata { get; init; } = "{}";

        public string[] Tags { get; init; } = [];

        public long Version { get; init; }

        public DateTime CreatedAt { get; init; }

        public DateTime UpdatedAt { get; init; }

        public DateTime? ResolvedAt { get; init; }

        public Response ToResponse() => new(
            SupportCaseId, SupportUser.IdOf(Owner), SessionId, Title, Description, Status, Severity, Category,
            FreeFormJson.Parse(Metadata), Tags, CreatedAt, UpdatedAt, ResolvedAt);

        public Tagged<Response> ToAnswer() => new(ETag.Create(Version), ToResponse());

        private string SupportCaseId => CaseId.Write(Id);
    }

    /// <summary>The columns of a row, of a case <c>c</c>.</summary>
    internal const string Columns = """
        c.id, c.owner, c.session_id, c.title, c.description, c.status, c.severity, c.category, c.metadata, c.tags, c.version,
            c.created_at, c.updated_at, c.resolved_at
        """;

    /// <summary>Simultaneous changes of a case's shares wait for each other.</summary>
    internal const string Lock = $"select c.id from support.cases c where c.id = @id and {SupportScope.Sees} for no key update";

    /// <summary>The <c>case_id</c> of a row with <c>id</c>, in SQL: <see cref="CaseId.Write"/>.</summary>
    internal const string IdText = "'case_' || lpad(to_hex(id), 12, '0')";

    internal static Refusal NotFound(CaseId id) => Refusal.NotFound(ProblemCodes.CaseNotFound, $"Case {id} not found");

    internal static Refusal Archived { get; } = Refusal.Conflict(ProblemCodes.CaseArchived, "Archived cases are read-only");

    internal static Refusal NotOwner { get; } = Refusal.Forbidden("Only the owner of the case or an administrator can do this.");
}
