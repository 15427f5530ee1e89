using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary><c>GET /cases/{id}/notes</c>: a case's notes, newest first.</summary>
internal static class ListNotes
{
    public sealed record Response(IReadOnlyList<Note> Items);

    public sealed record Note(long NoteId, long CaseId, string Author, string Body, DateTime CreatedAt);

    internal const string Select = """
        select exists (select from advocacy.cases where id = @Value);
        select id as note_id, case_id, author, body, created_at from advocacy.notes where case_id = @Value order by id desc
        """;

    public static async Task<Results<Ok<Response>, Refusal>> Handle(RowId id, Database database, CancellationToken cancel)
    {
        var (exists, notes) = await database.Many(
            Select, id, async grid => (await grid.ReadSingleAsync<bool>(), (await grid.ReadAsync<Note>()).AsList()), cancel);
        return exists ? TypedResults.Ok(new Response(notes)) : Refusal.NotFound(ProblemCodes.CaseNotFound, "Case not found");
    }
}
