using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary><c>DELETE /cases/{id}/patient</c>: the case is nobody's any more. The patient's timeline loses all its events.</summary>
internal static class UnlinkPatient
{
    /// <param name="PatientId">Null when the case has no patient.</param>
    private sealed record Row(long Version, long? PatientId);

    internal const string Update = $"""
        with found as (
            select id, patient_id, version from advocacy.cases where id = @id for no key update
        ), unlinked as (
            update advocacy.cases c set patient_id = null, version = f.version + 1, updated_at = @now
            from found f
            where c.id = f.id and f.patient_id is not null
                and (@versions::bigint[] is null or f.version = any(@versions::bigint[]))
            returning c.id, f.patient_id
        ), logged as (
            {EventSql.Insert}
            select @now, 'case.patient_unlinked', 'advocacy.case:' || id, @caller, @RequestId, @Address,
                json_build_object('case_id', id, 'patient_id', patient_id)::text
            from unlinked
        )
        select version, patient_id from found
        """;

    public static async Task<Results<NoContent, Refusal>> Handle(
        RowId id, HttpRequest http, Caller caller, Database database, TimeProvider time, CancellationToken cancel)
    {
        var versions = ETag.IfMatch(http);
        var row = await database.First<Row>(
            Update,
            new
            {
                id = id.Value, versions, now = time.GetUtcNow().UtcDateTime, caller = caller.Id, caller.RequestId, caller.Address,
            },
            cancel);

        if (row is null)
            return Refusal.NotFound(ProblemCodes.CaseNotFound, "Case not found");
        if (versions?.Contains(row.Version) == false)
            return Refusal.Stale();
        return row.PatientId is null
            ? Refusal.NotFound(ProblemCodes.PatientLinkNotFound, "The case is not linked to a patient.")
            : TypedResults.NoContent();
    }
}
