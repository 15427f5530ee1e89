using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Patients;

/// <summary>
/// <c>GET /api/v1/patients/{id}/timeline</c>: the events of a patient's cases, appointments and results, across modules, newest first.
/// Staff see the events that their permissions open. Patients see their own, without what the desks note for themselves.
/// </summary>
internal static class GetPatientTimeline
{
    internal const string Select = $"""
        select {HappenedEvent.Columns}
        from patients.timeline t join platform.events e on e.id = t.event_id
        where t.patient_id = @id and t.event_id < @Before and e.name = any(@names)
        order by t.event_id desc
        """;

    public static async Task<Results<Ok<Timeline>, Refusal>> Handle(
        RowId id, string? limit, string? cursor, PageSizes sizes, Caller caller, IEnumerable<TimelineRule> rules, AccessLog accesses,
        Database database, CancellationToken cancel)
    {
        if (Page.Read(limit, cursor, sizes, out var page) is { } refusal)
            return refusal;
        var own = caller.UserId == id.Value;
        if (!(own || caller.May(IdentityPermissions.UsersRead))
            || !await database.First<bool>(Patient.Exists, new { id = id.Value }, cancel))
            return Refusal.NotFound(ProblemCodes.UserNotFound, "Patient not found");
        var visible = VisibleFields(caller, own, rules);
        var rows = await database.List<HappenedEvent.Row>(
            Select + page.Take, new { id = id.Value, page.Before, names = visible.Keys.ToArray() }, cancel);
        if (accesses.Add(caller, AccessedPatients.Create(id.Value)) is { } unrecorded)
            return unrecorded;
        return TypedResults.Ok(Timeline.Create(rows, page, name => visible[name]));
    }

    /// <summary>The events that the caller sees, with the fields of their payloads; null for all fields.</summary>
    private static Dictionary<string, string[]?> VisibleFields(Caller caller, bool own, IEnumerable<TimelineRule> rules)
    {
        var visible = new Dictionary<string, string[]?>(StringComparer.Ordinal);
        foreach (var rule in rules)
        {
            if (caller.May(rule.Permission))
                visible[rule.EventName] = null;
            else if (own && rule.PatientSees is not null)
                visible[rule.EventName] = rule.PatientSees;
        }

        return visible;
    }
}
