using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary><c>GET /cases/{id}/notes</c>: a case's notes, newest first.</summary>
internal static class ListNotes
{
    public sealed record Response(IReadOnlyList<Note> Items);

    public sealed record Note(long NoteId, long CaseId, string Author, string Body, DateTime CreatedAt);

    internal const string Select = $"""
        {CaseAccess.Select};
        select id as note_id, case_id, author, body, created_at from advocacy.notes where case_id = @Value order by id desc
        """;

    public static async Task<Results<Ok<Response>, Refusal>> Handle(
        RowId id, Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        var (parent, notes) = await database.Many(
            Select,
            id,
            async grid => (await grid.ReadFirstOrDefaultAsync<CaseAccess.Parent>(), (await grid.ReadAsync<Note>()).AsList()),
            cancel);
        if (parent is null)
            return Refusal.NotFound(ProblemCodes.CaseNotFound, "Case not found");
        return accesses.Add(caller, CaseAccess.To(parent)) is { } unrecorded ? unrecorded : TypedResults.Ok(new Response(notes));
    }
}
