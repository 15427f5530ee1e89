using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Caraway.Advocacy;

/// <summary>
/// <c>POST /internal/documents/{document_id}/process</c>: queues a document's processing again. It stays one job however often it is
/// requested before it starts.
/// </summary>
internal static class RequestProcessing
{
    public sealed record Response(string Status, long DocumentId);

    internal const string Queue = $"""
        with found as (
            select d.id, d.case_id from advocacy.documents d join advocacy.cases c on c.id = d.case_id
            where d.id = @id for no key update of c
        ), queued as (
            {JobQueue.Insert}
            select 'documents', 'process_document', 'advocacy.document:' || id, json_build_object('document_id', id)::text, @now, @now, @now
            from found
            {JobQueue.OnConflict} do nothing
            returning id
        ), logged as (
            {EventSql.Insert}
            select @now, 'case.document_processing_requested', 'advocacy.case:' || f.case_id, @caller, @RequestId, @Address,
                json_build_object('case_id', f.case_id, 'document_id', f.id)::text
            from found f, queued
        )
        select id from found
        """;

    public static async Task<Results<Accepted<Response>, Refusal>> Handle(
        [FromRoute(Name = "document_id")] RowId id,
        Caller caller,
        Database database,
        JobSignal jobs,
        TimeProvider time,
        CancellationToken cancel)
    {
        var found = await database.First<long?>(
            Queue, new { id = id.Value, now = time.GetUtcNow().UtcDateTime, caller = caller.Id, caller.RequestId, caller.Address }, cancel);
        database.AfterCommit(() => jobs.Queued(ProcessDocument.Queue));
        return found is { } document
            ? TypedResults.Accepted((string?)null, new Response("accepted", document))
            : Refusal.NotFound(ProblemCodes.DocumentNotFound, "Document not found");
    }
}
