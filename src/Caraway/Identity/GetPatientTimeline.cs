using Caraway.Identity.Contracts;
using Caraway.Identity.Users;
using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Identity;

/// <summary>
/// <c>GET /api/v1/patients/{id}/timeline</c>: what happened to all that is the patient's, across modules, newest first. Staff see what their
/// permissions let them see where it happened; the patient, his own, without what is between the desks.
/// </summary>
internal static class GetPatientTimeline
{
    internal const string Select = $"""
        select {HappenedEvent.Columns}
        from identity.patient_timeline t join platform.events e on e.id = t.event_id
        where t.patient_id = @id and t.event_id < @Before and e.name = any(@names)
        order by t.event_id desc
        """;

    public static async Task<Results<Ok<Timeline>, Refusal>> Handle(
        RowId id, string? limit, string? cursor, PageSizes sizes, Caller caller, IEnumerable<TimelineRule> rules, AccessLog accesses, Database database, CancellationToken cancel)
    {
        if (Page.Read(limit, cursor, sizes, out var page) is { } refusal)
            return refusal;
        var own = caller.UserId == id.Value;
        if (!(own || caller.May(IdentityPermissions.UsersRead)) || !await database.First<bool>(User.IsPatient, new { id.Value }, cancel))
            return Refusal.NotFound(ProblemCodes.UserNotFound, "Patient not found");
        var seen = rules.Where(rule => caller.May(rule.Permission)).ToDictionary(rule => rule.EventName, _ => (string[]?)null, StringComparer.Ordinal);
        foreach (var rule in rules.Where(rule => own && rule.PatientSees is not null))
            seen.TryAdd(rule.EventName, rule.PatientSees);
        var rows = await database.List<HappenedEvent.Row>(Select + page.Take, new { id = id.Value, page.Before, names = seen.Keys.ToArray() }, cancel);
        if (accesses.Add(caller, User.ToPatients(id.Value)) is { } unrecorded)
            return unrecorded;
        return TypedResults.Ok(Timeline.Create(rows, page, name => seen[name]));
    }
}
