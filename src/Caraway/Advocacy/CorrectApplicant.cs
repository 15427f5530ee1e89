using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary>
/// <c>PATCH /cases/{id}/applicant</c>: corrects the name, e-mail address and phone of a case's applicant, also of a closed case. The case's
/// version rises, because the case shows its applicant.
/// </summary>
internal static class CorrectApplicant
{
    public sealed record Request
    {
        [Text(CaseLimits.FullName)]
        public string? FullName { get; init; }

        /// <summary>The empty text removes the address.</summary>
        [Email(AllowEmpty = true)]
        public string? Email { get; init; }

        /// <summary>The empty text removes the number.</summary>
        [Text(CaseLimits.Phone, AllowEmpty = true)]
        public string? Phone { get; init; }
    }

    private sealed record Row(
        long? PatientId, long PreviousVersion, long? Version, long NewestNote,
        long Id, string FullName, string? Email, string? Phone, DateTime CreatedAt);

    /// <summary>
    /// Locks the case before its applicant, changes both if the version allows it and something would change, and returns the applicant as
    /// wanted. The event says which fields changed, and not what they were.
    /// </summary>
    internal const string Update = $"""
        with found as (
            select id, applicant_id, patient_id, version, newest_note from advocacy.cases where id = @id for no key update
        ), known as (
            select a.id, a.full_name, a.email, a.phone, a.created_at
            from found f join advocacy.applicants a on a.id = f.applicant_id
            for no key update of a
        ), wanted as (
            select id, created_at, coalesce(@FullName::text, full_name) as full_name,
                case when @email::text is null then email else nullif(@email::text, '') end as email,
                case when @Phone::text is null then phone else nullif(@Phone::text, '') end as phone
            from known
        ), corrected as (
            update advocacy.applicants a set full_name = w.full_name, email = w.email, phone = w.phone
            from wanted w join known k on k.id = w.id join found f on f.applicant_id = w.id
            where a.id = w.id and (@versions::bigint[] is null or f.version = any(@versions::bigint[]))
                and (w.full_name, w.email, w.phone) is distinct from (k.full_name, k.email, k.phone)
            returning a.id, array_remove(array[
                case when w.full_name <> k.full_name then 'full_name' end,
                case when w.email is distinct from k.email then 'email' end,
                case when w.phone is distinct from k.phone then 'phone' end], null) as fields
        ), changed as (
            update advocacy.cases c set version = f.version + 1, updated_at = @now
            from found f join corrected r on r.id = f.applicant_id
            where c.id = f.id
            returning c.id, c.version, r.id as applicant_id, r.fields
        ), logged as (
            {EventSql.Insert}
            select @now, 'case.applicant_corrected', 'advocacy.case:' || id, @caller, @RequestId, @Address,
                json_build_object('case_id', id, 'applicant_id', applicant_id, 'fields', fields)::text
            from changed
        )
        select f.patient_id, f.version as previous_version, c.version, f.newest_note,
            w.id, w.full_name, w.email, w.phone, w.created_at
        from found f join wanted w on w.id = f.applicant_id left join changed c on c.id = f.id
        """;

    public static async Task<Results<Tagged<GetCase.Applicant>, Refusal>> Handle(
        RowId id, Request request, HttpRequest http, Caller caller, AccessLog accesses, Database database, TimeProvider time,
        CancellationToken cancel)
    {
        if (accesses.Check(caller) is { } unrecordable)
            return unrecordable;
        var versions = ETag.IfMatch(http);
        var row = await database.First<Row>(
            Update,
            new
            {
                id = id.Value, request.FullName, email = request.Email is null ? null : EmailAttribute.Normalize(request.Email),
                request.Phone, versions, now = time.GetUtcNow().UtcDateTime, caller = caller.Id, caller.RequestId, caller.Address,
            },
            cancel);

        if (row is null)
            return Refusal.NotFound(ProblemCodes.CaseNotFound, "Case not found");
        if (row.Version is null && versions?.Contains(row.PreviousVersion) == false)
            return Refusal.Stale();
        if (accesses.Add(caller, CaseAccess.To(id.Value, row.PatientId)) is { } unrecorded)
            return unrecorded;
        return new Tagged<GetCase.Applicant>(
            ETag.Create(row.Version ?? row.PreviousVersion, row.NewestNote),
            new GetCase.Applicant(row.Id, row.FullName, row.Email, row.Phone, row.CreatedAt));
    }
}
