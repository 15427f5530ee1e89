using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary>
/// <c>GET /cases/{id}/timeline</c>: everything that happened to a case, newest first. It reads the case's events themselves, so a change is
/// in it at once.
/// </summary>
internal static class GetCaseTimeline
{
    /// <summary>Adds the note's body to its event, which does not store the body.</summary>
    internal const string Select = """
        select e.id, e.at, e.name, e.subject, e.actor, e.on_behalf_of,
            case when n.id is null then e.payload else (e.payload::jsonb || jsonb_build_object('body', n.body))::text end as payload
        from platform.events e
        left join advocacy.notes n on e.name = 'case.note_added' and n.id = (e.payload::json ->> 'note_id')::bigint
        where e.subject = @subject and e.id < @Before
        order by e.id desc
        """;

    public static async Task<Results<Ok<Timeline>, Refusal>> Handle(
        RowId id,
        string? limit,
        string? cursor,
        PageSizes sizes,
        Caller caller,
        AccessLog accesses,
        Database database,
        CancellationToken cancel)
    {
        if (Page.Read(limit, cursor, sizes, out var page) is { } refusal)
            return refusal;
        var (parent, rows) = await database.Many(
            $"{CaseAccess.Select};{Select}{page.Take}",
            new { id.Value, subject = $"{CaseAccess.Kind}:{id.Value}", page.Before },
            async grid => (await grid.ReadFirstOrDefaultAsync<CaseAccess.Parent>(), (await grid.ReadAsync<HappenedEvent.Row>()).AsList()),
            cancel);
        if (parent is null)
            return Refusal.NotFound(ProblemCodes.CaseNotFound, "Case not found");
        if (accesses.Add(caller, CaseAccess.To(parent)) is { } unrecorded)
            return unrecorded;
        return TypedResults.Ok(Timeline.Create(rows, page, static _ => null));
    }
}
