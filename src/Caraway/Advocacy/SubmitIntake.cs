using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary><c>POST /intakes</c>: turns a person's request into an applicant and a case in NEW, in one statement.</summary>
internal static class SubmitIntake
{
    public sealed record Request
    {
        [Needed, Text(CaseLimits.FullName)]
        public string? FullName { get; init; }

        [Email]
        public string? Email { get; init; }

        [Text(CaseLimits.Phone, AllowEmpty = true, AllowBlank = true)]
        public string? Phone { get; init; }

        [Needed, Text(CaseLimits.Narrative)]
        public string? Narrative { get; init; }

        /// <summary>A user with the role patient.</summary>
        public long? PatientId { get; init; }

        /// <summary>The case's id in the system that it comes from; unique.</summary>
        [Text(CaseLimits.ExternalReference)]
        public string? ExternalReference { get; init; }
    }

    public sealed record Response(long CaseId, [property: CaseStatusWord] string Status);

    /// <summary>
    /// Inserts the case before its applicant (the foreign key is checked at the end of the statement), so that a taken external reference
    /// leaves nothing behind. Returns no row then, and no row when the patient does not exist.
    /// </summary>
    internal const string Insert = Open + Record;

    internal const string InsertOnce = Open + Once + Record;

    private const string InsertForPatient = Open + IfPatient + Record;

    private const string InsertOnceForPatient = Open + IfPatient + Once + Record;

    /// <summary>
    /// Used only for an intake with a patient, as <see cref="Once"/> is only for one with a reference, so that other intakes do not pay for
    /// the check.
    /// </summary>
    private const string IfPatient = " where exists (select from identity.user_card where id = @PatientId and role = 'patient') ";

    private const string Once = " on conflict (external_reference) do nothing ";

    private const string Open = """
        with opened as (
            insert into advocacy.cases (applicant_id, narrative, external_reference, patient_id, current_status, created_at, updated_at)
            select nextval('advocacy.applicants_id_seq'), @Narrative, @ExternalReference, @PatientId, @initial, @now, @now
        """;

    private const string Record = $"""
            returning id, applicant_id
        ), applicant as (
            insert into advocacy.applicants (id, full_name, email, phone, created_at) overriding system value
            select applicant_id, @FullName, @email, @Phone, @now from opened
        ), status_changed as (
            insert into advocacy.status_events (case_id, from_status, to_status, actor, reason, created_at)
            select id, null, @initial, 'system', 'case created from intake', @now from opened
        ), logged as (
            {EventSql.Insert}
            select @now, 'case.opened', 'advocacy.case:' || id, @caller, @RequestId, @Address,
                json_build_object('case_id', id, 'applicant_id', applicant_id,
                    'external_reference', @ExternalReference::text, 'patient_id', @PatientId::bigint)::text
            from opened
        )
        select id from opened
        """;

    internal const string FindReference = "select id from advocacy.cases where external_reference = @ExternalReference";

    public static async Task<Results<Created<Response>, Refusal>> Handle(
        Request request, Caller caller, Database database, TimeProvider time, CancellationToken cancel)
    {
        var now = time.GetUtcNow().UtcDateTime;
        var email = request.Email is null ? null : EmailAttribute.Normalize(request.Email);
        var id = await database.First<long?>(
            (request.PatientId, request.ExternalReference) switch
            {
                (null, null) => Insert,
                (null, _) => InsertOnce,
                (_, null) => InsertForPatient,
                _ => InsertOnceForPatient,
            },
            new
            {
                request.FullName, email, request.Phone, request.Narrative, request.ExternalReference, request.PatientId,
                initial = CaseStatus.New, now, caller = caller.Id, caller.RequestId, caller.Address,
            },
            cancel);
        if (id is { } opened)
            return TypedResults.Created($"/cases/{opened}", new Response(opened, CaseStatus.New));

        var taken = await database.First<long?>(FindReference, new { request.ExternalReference }, cancel);
        if (taken is null)
            return Refusal.Invalid(new ProblemError("#/patient_id", "There is no patient with this id."));
        return Refusal.Conflict(ProblemCodes.ExternalReferenceUsed, "External reference already used", "case_id", taken.Value);
    }
}
