using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary><c>GET /cases/{id}</c>: a case with its applicant, its status events and its notes, newest first.</summary>
internal static class GetCase
{
    public sealed record Response(
        long Id,
        string Narrative,
        [property: CaseStatusWord] string CurrentStatus,
        string? Assignee,
        DateTime CreatedAt,
        DateTime UpdatedAt,
        Applicant Applicant,
        IReadOnlyList<StatusEvent> StatusEvents,
        IReadOnlyList<ListNotes.Note> Notes,
        [property: CaseStatusWord] IReadOnlyList<string> AllowedTransitions);

    public sealed record Applicant(long Id, string FullName, string? Email, string? Phone, DateTime CreatedAt);

    public sealed record StatusEvent(
        long Id,
        long CaseId,
        [property: CaseStatusWord] string? FromStatus,
        [property: CaseStatusWord] string ToStatus,
        string Actor,
        string? Reason,
        DateTime CreatedAt);

    /// <summary>
    /// A row of <see cref="Select"/>: the case with its applicant, a status event or a note. Columns that its kind does not have are null.
    /// </summary>
    private sealed record Row(
        string Kind, long Id, DateTime CreatedAt, string? Text, string? Status, string? FromStatus, string? Person, string? Reason,
        DateTime? UpdatedAt, long? Version, long? NewestNote, long? PatientId,
        long? ApplicantId, string? FullName, string? Email, string? Phone, DateTime? ApplicantCreatedAt);

    /// <summary>
    /// One statement reads one snapshot, so a concurrent transition cannot show its event without its status. (ADR 0007 compares this with
    /// a transaction of three statements and with arrays of rows.)
    /// </summary>
    internal const string Select = """
        select 'case' as kind, c.id, c.created_at, c.narrative as text, c.current_status as status, null as from_status,
            c.assignee as person, null as reason, c.updated_at, c.version, c.newest_note, c.patient_id,
            a.id as applicant_id, a.full_name, a.email, a.phone, a.created_at as applicant_created_at
        from advocacy.cases c join advocacy.applicants a on a.id = c.applicant_id
        where c.id = @Value
        union all
        select 'status_event', id, created_at, null, to_status, from_status,
            actor, reason, null, null, null, null, null, null, null, null, null
        from advocacy.status_events where case_id = @Value
        union all
        select 'note', id, created_at, body, null, null, author, null, null, null, null, null, null, null, null, null, null
        from advocacy.notes where case_id = @Value
        """;

    public static async Task<Results<Tagged<Response>, Refusal>> Handle(
        RowId id, Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        var rows = await database.List<Row>(Select, new { id.Value }, cancel);
        if (rows.Find(row => row.Kind == "case") is not { } found)
            return Refusal.NotFound(ProblemCodes.CaseNotFound, "Case not found");
        if (accesses.Add(caller, CaseAccess.To(found.Id, found.PatientId)) is { } unrecorded)
            return unrecorded;

        // Newest first: the ids are drawn while the case's row is locked.
        rows.Sort((one, other) => other.Id.CompareTo(one.Id));
        StatusEvent[] statusEvents =
        [
            .. rows.Where(row => row.Kind == "status_event")
                .Select(row => new StatusEvent(row.Id, found.Id, row.FromStatus, row.Status!, row.Person!, row.Reason, row.CreatedAt)),
        ];
        ListNotes.Note[] notes =
        [
            .. rows.Where(row => row.Kind == "note")
                .Select(row => new ListNotes.Note(row.Id, found.Id, row.Person!, row.Text!, row.CreatedAt)),
        ];
        var answer = new Response(
            found.Id, found.Text!, found.Status!, found.Person, found.CreatedAt, found.UpdatedAt!.Value,
            new Applicant(found.ApplicantId!.Value, found.FullName!, found.Email, found.Phone, found.ApplicantCreatedAt!.Value),
            statusEvents, notes, CaseWorkflow.Table.From(found.Status!));
        return new Tagged<Response>(ETag.Create(found.Version!.Value, found.NewestNote!.Value), answer);
    }
}
