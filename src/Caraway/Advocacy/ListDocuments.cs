using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary><c>GET /cases/{id}/documents</c>: a case's documents, newest first, as a bare array.</summary>
internal static class ListDocuments
{
    /// <param name="GcsUri">The reference's URI, in any store. The member keeps its name from the earlier API.</param>
    /// <param name="ErrorMessage">The reason of a FAILED document, as a sentence for people.</param>
    public sealed record Document(
        long DocumentId, long CaseId, string Filename, string? ContentType, string? GcsUri, [property: DocumentStatusWord] string Status,
        string? ErrorMessage, DateTime CreatedAt, DateTime UpdatedAt);

    internal const string Select = $"""
        {CaseAccess.Select};
        select id as document_id, case_id, filename, content_type, uri as gcs_uri, status, error_message, created_at, updated_at
        from advocacy.documents where case_id = @Value order by id desc
        """;

    public static async Task<Results<Ok<List<Document>>, Refusal>> Handle(
        RowId id, Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        var (parent, documents) = await database.Many(
            Select,
            id,
            async grid => (await grid.ReadFirstOrDefaultAsync<CaseAccess.Parent>(), (await grid.ReadAsync<Document>()).AsList()),
            cancel);
        if (parent is null)
            return Refusal.NotFound(ProblemCodes.CaseNotFound, "Case not found");
        return accesses.Add(caller, CaseAccess.To(parent)) is { } unrecorded ? unrecorded : TypedResults.Ok(documents);
    }
}
