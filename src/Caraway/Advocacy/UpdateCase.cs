using System.ComponentModel.DataAnnotations;
using Caraway.Identity.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary><c>PATCH /cases/{id}</c>: changes a case's status, its assignee or both. It does everything or nothing.</summary>
internal static class UpdateCase
{
    public sealed record Request
    {
        [AllowedValues(
            null, CaseStatus.New, CaseStatus.InReview, CaseStatus.NeedsInfo, CaseStatus.Submitted, CaseStatus.Approved, CaseStatus.Denied,
            CaseStatus.Closed,
            ErrorMessage = "The status must be one of NEW, IN_REVIEW, NEEDS_INFO, SUBMITTED, APPROVED, DENIED, CLOSED.")]
        public string? Status { get; init; }

        /// <summary>The person who works on the case. The empty text unassigns it.</summary>
        [Text(CaseLimits.Person, AllowEmpty = true)]
        public string? Assignee { get; init; }

        /// <summary>
        /// The user who works on the case: an active user with any role but patient. It takes the place of <c>assignee</c> in the request.
        /// The case then shows the user's name as its assignee.
        /// </summary>
        public long? AssigneeId { get; init; }

        /// <summary>
        /// The person on whose behalf the calling system acts; "system" when absent. For a signed-in caller it is always the caller's
        /// own name.
        /// </summary>
        [Text(CaseLimits.Person, AllowEmpty = true, AllowBlank = true)]
        public string? Actor { get; init; }

        [Text(CaseLimits.Reason, AllowEmpty = true, AllowBlank = true)]
        public string? Reason { get; init; }
    }

    public sealed record Response(
        long CaseId, [property: CaseStatusWord] string PreviousStatus, [property: CaseStatusWord] string Status, string? Assignee);

    /// <param name="PreviousStatus">The status when the row was locked.</param>
    /// <param name="Status">The status after the change, also when only the assignee changed; null when nothing changed.</param>
    /// <param name="Assignee">The assignee after the change; null when the case has none, or when nothing changed.</param>
    /// <param name="IsStaff">Whether <c>assignee_id</c> names an active member of staff; true for a request without it.</param>
    private sealed record Row(
        long CaseId,
        string PreviousStatus,
        string? PreviousAssignee,
        long PreviousVersion,
        string? Status,
        string? Assignee,
        long NewestNote,
        bool IsStaff);

    /// <summary>
    /// Locks the row, changes it if version and workflow allow it and something would change, and records each change. Returns the state
    /// before and after, so that a refusal needs no second query. When the given assignee is the present name, the case stays assigned to
    /// the user with this name, if there is one. Another name or the empty text ends the assignment to a user.
    /// </summary>
    internal const string Update = $"""
        {Find}, changed as (
            update advocacy.cases c
            set current_status = coalesce(@Status::text, f.current_status),
                assignee = case when @Assignee::text is null then f.assignee else nullif(@Assignee::text, '') end,
                assignee_id = case when @Assignee::text is null or @Assignee::text = f.assignee then f.assignee_id end,
                version = f.version + 1,
                updated_at = @now
            from found f
            where c.id = f.id
                and {IsAllowed}
                and (f.current_status <> @Status::text or f.assignee is distinct from nullif(coalesce(@Assignee::text, f.assignee), ''))
            returning c.id, f.current_status as old_status, c.current_status, f.assignee as old_assignee, c.assignee
        ), {StatusEvent}, logged as (
            {CaseMoved}
            union all
            select @now, 'case.assigned', 'advocacy.case:' || id, @caller, @onBehalfOf, @RequestId, @Address,
                json_build_object('case_id', id, 'from_assignee', old_assignee, 'to_assignee', assignee, 'reason', @Reason::text)::text
            from changed where old_assignee is distinct from assignee
        )
        select {Columns}, true as is_staff
        from found f left join changed c on c.id = f.id
        """;

    /// <summary>
    /// <see cref="Update"/> for a request that names a user as the assignee; other requests do not pay for it. The case keeps the user's
    /// name, cut to the length of an assignee (<see cref="CaseLimits.Person"/>). When the id names no active member of staff,
    /// <c>person</c> is empty and nothing changes.
    /// </summary>
    internal const string UpdateWithUser = $"""
        {Find}, person as (
            select id, left(full_name, 120) as name from identity.user_card where id = @AssigneeId and is_active and role <> 'patient'
        ), changed as (
            update advocacy.cases c
            set current_status = coalesce(@Status::text, f.current_status),
                assignee = p.name,
                assignee_id = p.id,
                version = f.version + 1,
                updated_at = @now
            from found f cross join person p
            where c.id = f.id
                and {IsAllowed}
                and (f.current_status <> @Status::text or (f.assignee, f.assignee_id) is distinct from (p.name, p.id))
            returning c.id, f.current_status as old_status, c.current_status, f.assignee as old_assignee, c.assignee,
                f.assignee_id as old_assignee_id, c.assignee_id
        ), {StatusEvent}, logged as (
            {CaseMoved}
            union all
            select @now, 'case.assigned', 'advocacy.case:' || id, @caller, @onBehalfOf, @RequestId, @Address,
                json_build_object('case_id', id, 'from_assignee', old_assignee, 'to_assignee', assignee, 'assignee_id', assignee_id,
                    'reason', @Reason::text)::text
            from changed where (old_assignee, old_assignee_id) is distinct from (assignee, assignee_id)
        )
        select {Columns}, exists (select from person) as is_staff
        from found f left join changed c on c.id = f.id
        """;

    /// <summary>The case before the change: one row <c>found</c>, or no row when there is no such case.</summary>
    private const string Find = """
        with found as (
            select id, current_status, assignee, assignee_id, version, newest_note from advocacy.cases where id = @id for no key update
        )
        """;

    /// <summary>
    /// A condition on the row <c>f</c> of <see cref="Find"/>: <c>If-Match</c> names its version or is absent, and the requested status is
    /// absent, unchanged or a legal next one.
    /// </summary>
    private const string IsAllowed = """
        (@versions::bigint[] is null or f.version = any(@versions::bigint[]))
                and (@Status::text is null or f.current_status = @Status::text or f.current_status = any(@sources::text[]))
        """;

    /// <summary>A common table expression: writes the transition, if there is one, into the case's own history.</summary>
    private const string StatusEvent = """
        status_changed as (
            insert into advocacy.status_events (case_id, from_status, to_status, actor, reason, created_at)
            select id, old_status, current_status, @actor, @Reason, @now from changed where old_status <> current_status
        )
        """;

    /// <summary>An insert of the domain event of a transition, if there is one. More rows can follow after <c>union all</c>.</summary>
    private const string CaseMoved = $"""
        {EventSql.InsertOnBehalf}
            select @now, 'case.moved', 'advocacy.case:' || id, @caller, @onBehalfOf, @RequestId, @Address,
                json_build_object('case_id', id, 'from_status', old_status, 'to_status', current_status, 'reason', @Reason::text)::text
            from changed where old_status <> current_status
        """;

    /// <summary>Of the case <c>f</c> before the change, and of <c>c</c>, the case after it: all null when nothing changed.</summary>
    private const string Columns = """
        f.id as case_id, f.current_status as previous_status, f.assignee as previous_assignee, f.version as previous_version,
            c.current_status as status, c.assignee, f.newest_note
        """;

    public static async Task<Results<Tagged<Response>, Refusal>> Handle(
        RowId id,
        Request request,
        HttpRequest http,
        Caller caller,
        UserNameCache users,
        Database database,
        TimeProvider time,
        CancellationToken cancel)
    {
        if (request is { Assignee: not null, AssigneeId: not null })
            return Refusal.Invalid(new ProblemError("#/assignee_id", "Give either assignee or assignee_id."));
        var versions = ETag.IfMatch(http);
        var onBehalfOf = caller.UserId is not null || string.IsNullOrWhiteSpace(request.Actor) ? null : request.Actor;
        var actor = await users.Find(caller.UserId, CaseLimits.Person, cancel) ?? onBehalfOf ?? "system";
        var row = await database.First<Row>(
            request.AssigneeId is null ? Update : UpdateWithUser,
            new
            {
                id = id.Value, request.Status, request.Assignee, request.AssigneeId, request.Reason, versions,
                sources = request.Status is null ? [] : CaseWorkflow.Table.Into(request.Status),
                actor, onBehalfOf, now = time.GetUtcNow().UtcDateTime, caller = caller.Id, caller.RequestId, caller.Address,
            },
            cancel);

        if (row is null)
            return Refusal.NotFound(ProblemCodes.CaseNotFound, "Case not found");
        if (row.Status is not null)
            return Answer(row, row.Status, row.Assignee, row.PreviousVersion + 1);
        // Nothing changed: either the request is refused, or it asked for what the case already has.
        if (versions?.Contains(row.PreviousVersion) == false)
            return Refusal.Stale();
        if (!row.IsStaff)
            return Refusal.Invalid(new ProblemError("#/assignee_id", "This must be the id of an active member of staff."));
        if (request.Status is { } status && status != row.PreviousStatus && !CaseWorkflow.Table.Allows(row.PreviousStatus, status))
            return Refusal.Conflict(ProblemCodes.InvalidTransition, $"Invalid status transition {row.PreviousStatus} -> {status}");
        return Answer(row, row.PreviousStatus, row.PreviousAssignee, row.PreviousVersion);
    }

    private static Tagged<Response> Answer(Row row, string status, string? assignee, long version) =>
        new(ETag.Create(version, row.NewestNote), new Response(row.CaseId, row.PreviousStatus, status, assignee));
}
