using System.ComponentModel.DataAnnotations;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary><c>POST /cases/{id}/documents</c>: adds a reference to a document, and queues its processing in the same transaction.</summary>
internal static class AddDocument
{
    public sealed record Request
    {
        [Needed, Text(CaseLimits.FileName), FileName]
        public string? Filename { get; init; }

        [Text(CaseLimits.ContentType, AllowEmpty = true)]
        public string? ContentType { get; init; }

        /// <summary>The document's address in any store. Caraway never fetches it.</summary>
        [Text(CaseLimits.Uri, AllowEmpty = true)]
        public string? Uri { get; init; }
    }

    public sealed record Response(long DocumentId, long CaseId, [property: DocumentStatusWord] string Status);

    internal const string Insert = $"""
        with parent as (
            select id from advocacy.cases where id = @id for no key update
        ), added as (
            insert into advocacy.documents (case_id, filename, content_type, uri, status, created_at, updated_at)
            select id, @Filename, @ContentType, @Uri, 'UPLOADED', @now, @now from parent
            returning id, case_id, status
        ), queued as (
            {JobQueue.Insert}
            select 'documents', 'process_document', 'advocacy.document:' || id, json_build_object('document_id', id)::text, @now, @now, @now
            from added
        ), logged as (
            {EventSql.Insert}
            select @now, 'case.document_added', 'advocacy.case:' || case_id, @caller, @RequestId, @Address,
                json_build_object('case_id', case_id, 'document_id', id, 'filename', @Filename::text)::text
            from added
        )
        select id as document_id, case_id, status from added
        """;

    public static async Task<Results<Created<Response>, Refusal>> Handle(
        RowId id, Request request, Caller caller, Database database, JobSignal jobs, TimeProvider time, CancellationToken cancel)
    {
        var document = await database.First<Response>(
            Insert,
            new
            {
                id = id.Value, request.Filename, request.ContentType, request.Uri,
                now = time.GetUtcNow().UtcDateTime, caller = caller.Id, caller.RequestId, caller.Address,
            },
            cancel);
        database.AfterCommit(() => jobs.Queued(ProcessDocument.Queue));
        return document is null
            ? Refusal.NotFound(ProblemCodes.CaseNotFound, "Case not found")
            : TypedResults.Created($"/cases/{document.CaseId}/documents", document);
    }
}

/// <summary>A file's name without a path and without control characters.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class FileNameAttribute : ValidationAttribute
{
    public override bool IsValid(object? value) =>
        value is not string name || (name is not ("." or "..") && !name.Any(c => c is '/' or '\\' || char.IsControl(c)));

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        IsValid(value)
            ? ValidationResult.Success
            : new ValidationResult("This must be a file's name without a path.", [validationContext.MemberName ?? ""]);
}
