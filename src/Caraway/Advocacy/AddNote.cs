using Caraway.Identity.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary><c>POST /cases/{id}/notes</c>: adds a note to a case, also to a closed one.</summary>
internal static class AddNote
{
    public sealed record Request
    {
        /// <summary>
        /// The writer. A system with an API key writes on behalf of this person. For a signed-in caller it is always the
        /// caller's own name.
        /// </summary>
        [Needed, Text(CaseLimits.Person)]
        public string? Author { get; init; }

        [Needed, Text(CaseLimits.NoteBody)]
        public string? Body { get; init; }
    }

    public sealed record Response(long NoteId, long CaseId);

    /// <summary>
    /// The case's row stores the id of its newest note, so that the whole entity tag comes from one row. The id is drawn while that row is
    /// locked, and drawn again after a wait for the lock, so notes are added in the order of their ids.
    /// </summary>
    internal const string Insert = $"""
        with parent as (
            update advocacy.cases set newest_note = nextval('advocacy.notes_id_seq') where id = @id
            returning id, newest_note
        ), added as (
            insert into advocacy.notes (id, case_id, author, body, created_at) overriding system value
            select newest_note, id, @author, @Body, @now from parent
            returning id, case_id
        ), logged as (
            {EventSql.InsertOnBehalf}
            select @now, 'case.note_added', 'advocacy.case:' || case_id, @caller, @onBehalfOf, @RequestId, @Address,
                json_build_object('case_id', case_id, 'note_id', id, 'author', @author::text)::text
            from added
        )
        select id as note_id, case_id from added
        """;

    public static async Task<Results<Created<Response>, Refusal>> Handle(
        RowId id, Request request, Caller caller, UserNameCache users, Database database, TimeProvider time, CancellationToken cancel)
    {
        var name = await users.Find(caller.UserId, CaseLimits.Person, cancel);
        var note = await database.First<Response>(
            Insert,
            new
            {
                id = id.Value, author = name ?? request.Author, onBehalfOf = name is null ? request.Author : null, request.Body,
                now = time.GetUtcNow().UtcDateTime, caller = caller.Id, caller.RequestId, caller.Address,
            },
            cancel);
        return note is null
            ? Refusal.NotFound(ProblemCodes.CaseNotFound, "Case not found")
            : TypedResults.Created($"/cases/{note.CaseId}/notes", note);
    }
}
