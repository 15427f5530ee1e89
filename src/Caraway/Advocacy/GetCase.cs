using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary><c>GET /cases/{id}</c>: a case with its applicant, its moves and its notes, newest first.</summary>
internal static class GetCase
{
    public sealed record Response(
        long Id,
        string Narrative,
        string CurrentStatus,
        string? Assignee,
        DateTime CreatedAt,
        DateTime UpdatedAt,
        Applicant Applicant,
        IReadOnlyList<StatusEvent> StatusEvents,
        IReadOnlyList<ListNotes.Note> Notes,
        IReadOnlyList<string> AllowedTransitions);

    public sealed record Applicant(long Id, string FullName, string? Email, string? Phone, DateTime CreatedAt);

    public sealed record StatusEvent(long Id, long CaseId, string? FromStatus, string ToStatus, string Actor, string? Reason, DateTime CreatedAt);

    private sealed record Row(
        long Id, string Narrative, string CurrentStatus, string? Assignee, DateTime CreatedAt, DateTime UpdatedAt, long Version,
        long ApplicantId, string FullName, string? Email, string? Phone, DateTime ApplicantCreatedAt);

    /// <summary>One round trip and one snapshot, so that a move beside it cannot show its event without its status.</summary>
    internal const string Select = """
        begin isolation level repeatable read, read only;
        select c.id, c.narrative, c.current_status, c.assignee, c.created_at, c.updated_at, c.version,
            a.id as applicant_id, a.full_name, a.email, a.phone, a.created_at as applicant_created_at
        from advocacy.cases c
        join advocacy.applicants a on a.id = c.applicant_id
        where c.id = @Value;
        select id, case_id, from_status, to_status, actor, reason, created_at
        from advocacy.status_events where case_id = @Value order by id desc;
        select id as note_id, case_id, author, body, created_at
        from advocacy.notes where case_id = @Value order by id desc;
        commit
        """;

    public static async Task<Results<Tagged<Response>, Refusal>> Handle(RowId id, Database database, CancellationToken cancel)
    {
        var (row, events, notes) = await database.Many(
            Select,
            id,
            async grid => (
                await grid.ReadFirstOrDefaultAsync<Row>(),
                (await grid.ReadAsync<StatusEvent>()).AsList(),
                (await grid.ReadAsync<ListNotes.Note>()).AsList()),
            cancel);
        if (row is null)
            return Refusal.NotFound(ProblemCodes.CaseNotFound, "Case not found");

        var answer = new Response(
            row.Id, row.Narrative, row.CurrentStatus, row.Assignee, row.CreatedAt, row.UpdatedAt,
            new Applicant(row.ApplicantId, row.FullName, row.Email, row.Phone, row.ApplicantCreatedAt),
            events, notes, CaseWorkflow.Table.From(row.CurrentStatus));
        return new Tagged<Response>(ETag.Of(row.Version, notes.Count == 0 ? 0 : notes[0].NoteId), answer);
    }
}
