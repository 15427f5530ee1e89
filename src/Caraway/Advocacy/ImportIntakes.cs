using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;

namespace Caraway.Advocacy;

/// <summary>
/// <c>caraway import intakes</c>: writes intakes of another source, each chunk in one short statement. The external reference tells which
/// cases exist already. A run may therefore be killed and repeated: each case is written whole, and once.
/// </summary>
internal static class ImportIntakes
{
    /// <summary>Rows of one transaction. More would be faster, but would hold the sequencer of events back for longer.</summary>
    public const int ChunkSize = 5_000;

    private const string Actor = "import";

    /// <summary>A valid intake by the rules of <see cref="SubmitIntake.Request"/>, and the decision of its case if there is one.</summary>
    /// <param name="Decision">APPROVED or DENIED: the case gets there through IN_REVIEW and SUBMITTED. Null leaves it in NEW.</param>
    /// <param name="DecisionReason">The decision in the source's words.</param>
    public sealed record Intake(SubmitIntake.Request Request, string? Decision, string? DecisionReason);

    /// <summary>The steps of a decided case. The target of the last step is the decision.</summary>
    internal static readonly (string? From, string? To)[] Steps =
    [
        (null, CaseStatus.New),
        (CaseStatus.New, CaseStatus.InReview),
        (CaseStatus.InReview, CaseStatus.Submitted),
        (CaseStatus.Submitted, null),
    ];

    /// <summary>
    /// Rows are inserted in the order of the file, and steps in their own order: ids then follow both orders, and two imports of one file
    /// cannot deadlock.
    /// </summary>
    internal const string Insert = $"""
        with batch as materialized (
            select nextval('advocacy.applicants_id_seq') as applicant_id, r.*
            from unnest(
                    @names::text[], @emails::text[], @phones::text[], @narratives::text[], @references::text[],
                    @decisions::text[], @reasons::text[])
                with ordinality r (full_name, email, phone, narrative, reference, decision, reason, place)
            where not exists (select from advocacy.cases c where c.external_reference = r.reference)
        ), opened as (
            insert into advocacy.cases (applicant_id, narrative, external_reference, current_status, version, created_at, updated_at)
            select applicant_id, narrative, reference, coalesce(decision, @initial),
                case when decision is null then 1 else @decidedVersion end, @now, @now
            from batch order by place
            on conflict (external_reference) do nothing
            returning id, external_reference
        ), written as materialized (
            select o.id, b.* from opened o join batch b on b.reference = o.external_reference
        ), applicant as (
            insert into advocacy.applicants (id, full_name, email, phone, created_at) overriding system value
            select applicant_id, full_name, email, phone, @now from written order by place
        ), step as materialized (
            select w.id, w.applicant_id, w.reference, w.place, s.step, s.from_status, coalesce(s.to_status, w.decision) as to_status,
                case s.step when 1 then 'case created from intake' when @lastStep then w.reason end as reason
            from written w
            join unnest(@froms::text[], @tos::text[]) with ordinality s (from_status, to_status, step)
                on s.step = 1 or w.decision is not null
        ), moved as (
            insert into advocacy.status_events (case_id, from_status, to_status, actor, reason, created_at)
            select id, from_status, to_status, @Actor, reason, @now from step order by place, step
        ), logged as (
            {EventSql.InsertWithoutRequest}
            select @now, case step when 1 then 'case.opened' else 'case.moved' end, 'advocacy.case:' || id, @Actor,
                case step
                    when 1 then json_build_object('case_id', id, 'applicant_id', applicant_id, 'external_reference', reference)
                    else json_build_object('case_id', id, 'from_status', from_status, 'to_status', to_status, 'reason', reason)
                end::text
            from step order by place, step
        )
        select count(*) from opened
        """;

    /// <summary>Opens a case for each intake that does not have one yet. A fault or a kill leaves nothing of the chunk.</summary>
    /// <param name="intakes">Each with an external reference.</param>
    /// <returns>The number of cases that were opened.</returns>
    public static Task<long> Write(IReadOnlyCollection<Intake> intakes, Database database, TimeProvider time, CancellationToken cancel) =>
        database.First<long>(
            Insert,
            new
            {
                names = Column(intakes, i => i.Request.FullName),
                emails = Column(intakes, i => i.Request.Email is { } email ? EmailAttribute.Normalize(email) : null),
                phones = Column(intakes, i => i.Request.Phone),
                narratives = Column(intakes, i => i.Request.Narrative),
                references = Column(intakes, i => i.Request.ExternalReference),
                decisions = Column(intakes, i => i.Decision),
                reasons = Column(intakes, i => i.DecisionReason),
                froms = Steps.Select(step => step.From).ToArray(),
                tos = Steps.Select(step => step.To).ToArray(),
                lastStep = Steps.Length,
                decidedVersion = Steps.Length,
                initial = CaseStatus.New,
                Actor,
                now = time.GetUtcNow().UtcDateTime,
            },
            cancel);

    private static string?[] Column(IReadOnlyCollection<Intake> intakes, Func<Intake, string?> value) => [.. intakes.Select(value)];
}
