using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary>
/// <c>PUT /cases/{id}/patient</c>: says whose case it is. The patient's timeline gets all events of the case; an earlier patient loses them
/// (docs/api/patients.md).
/// </summary>
internal static class LinkPatient
{
    public sealed record Request
    {
        /// <summary>A user with the role patient.</summary>
        [Needed]
        public long? PatientId { get; init; }
    }

    public sealed record Response(long CaseId, long PatientId);

    private sealed record Row(long PreviousVersion, long? Version, long NewestNote, bool IsPatient);

    /// <summary>Locks the row, and changes it if the version allows it, the patient exists and is another one.</summary>
    internal const string Update = $"""
        with found as (
            select id, patient_id, version, newest_note from advocacy.cases where id = @id for no key update
        ), patient as (
            select id from identity.user_card where id = @PatientId and role = 'patient'
        ), linked as (
            update advocacy.cases c set patient_id = p.id, version = f.version + 1, updated_at = @now
            from found f cross join patient p
            where c.id = f.id and f.patient_id is distinct from p.id
                and (@versions::bigint[] is null or f.version = any(@versions::bigint[]))
            returning c.id, f.patient_id as old_patient_id, c.patient_id, c.version
        ), logged as (
            {EventSql.Insert}
            select @now, e.name, 'advocacy.case:' || l.id, @caller, @RequestId, @Address,
                json_build_object('case_id', l.id, 'patient_id', e.patient_id)::text
            from linked l, lateral (values
                ('case.patient_unlinked', l.old_patient_id),
                ('case.patient_linked', l.patient_id)
            ) e (name, patient_id)
            where e.patient_id is not null
        )
        select f.version as previous_version, l.version, f.newest_note, exists (select from patient) as is_patient
        from found f left join linked l on l.id = f.id
        """;

    public static async Task<Results<Tagged<Response>, Refusal>> Handle(
        RowId id, Request request, HttpRequest http, Caller caller, Database database, TimeProvider time, CancellationToken cancel)
    {
        var versions = ETag.IfMatch(http);
        var row = await database.First<Row>(
            Update,
            new
            {
                id = id.Value, request.PatientId, versions, now = time.GetUtcNow().UtcDateTime,
                caller = caller.Id, caller.RequestId, caller.Address,
            },
            cancel);

        if (row is null)
            return Refusal.NotFound(ProblemCodes.CaseNotFound, "Case not found");
        if (versions?.Contains(row.PreviousVersion) == false)
            return Refusal.Stale();
        if (!row.IsPatient)
            return Refusal.Invalid(new ProblemError("#/patient_id", "There is no patient with this id."));
        return new Tagged<Response>(
            ETag.Create(row.Version ?? row.PreviousVersion, row.NewestNote), new Response(id.Value, request.PatientId!.Value));
    }
}
