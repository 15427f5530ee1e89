using System.Collections.Frozen;
using Caraway.Platform.Events;
using Caraway.Platform.Postgres;

namespace Caraway.Patients;

/// <summary>
/// Keeps which events belong to which patient. The first event of a subject whose payload names a patient links the subject to that
/// patient; this event and all later ones of the subject belong to the patient. Some events begin or end a link
/// (<see cref="SubjectLink"/>): they move all events of the subject, also the earlier ones.
/// </summary>
internal sealed class PatientTimelines(IEnumerable<TimelineRule> rules) : IEventHandler
{
    /// <summary>
    /// The last event that begins or ends a subject's link decides, unless an event of a higher id has decided already: a replay changes
    /// nothing. A patient that does not exist has no timeline.
    /// </summary>
    internal const string Relink = """
        with last as (
            select distinct on (g.subject) g.subject, g.id, u.id as patient_id
            from unnest(@ids, @subjects, @patients) as g (id, subject, patient_id) left join identity.user_card u on u.id = g.patient_id
            order by g.subject, g.id desc
        ), before as (
            select s.subject, s.patient_id from patients.subjects s where s.subject = any(@subjects)
        ), decided as (
            insert into patients.subjects as s (subject, patient_id, event_id)
            select subject, patient_id, id from last
            on conflict (subject) do update set patient_id = excluded.patient_id, event_id = excluded.event_id
                where s.event_id < excluded.event_id
            returning subject, patient_id, event_id
        ), moved as materialized (
            select e.id, e.name, b.patient_id as from_id, d.patient_id as to_id, d.event_id
            from decided d join platform.events e on e.subject = d.subject left join before b on b.subject = d.subject
        ), taken as (
            delete from patients.timeline t using moved m
            where t.patient_id = m.from_id and t.event_id = m.id and m.from_id is distinct from m.to_id
        )
        insert into patients.timeline (patient_id, event_id)
        select to_id, id from moved where to_id is not null and id <= event_id and name = any(@names)
        on conflict (patient_id, event_id) do nothing
        """;

    /// <summary>
    /// A second delivery of the same events writes nothing. The log can name patients whom a downward migration has deleted; their events
    /// have no timeline.
    /// </summary>
    private const string Insert = """
        with given as (
            select * from unnest(@ids, @subjects, @patients) as g (id, subject, patient_id)
        ), bound as (
            insert into patients.subjects (subject, patient_id, event_id)
            select distinct on (subject) subject, patient_id, id from given g
            where exists (select from identity.user_card u where u.id = g.patient_id) order by subject, id
            on conflict (subject) do nothing
            returning subject, patient_id
        ), known as (
            select subject, patient_id from bound
            union
            select s.subject, s.patient_id from patients.subjects s where s.subject = any(@subjects) and s.patient_id is not null
        )
        insert into patients.timeline (patient_id, event_id)
        select k.patient_id, g.id from given g join known k on k.subject = g.subject
        on conflict (patient_id, event_id) do nothing
        """;

    private readonly FrozenDictionary<string, SubjectLink> links =
        rules.ToFrozenDictionary(rule => rule.EventName, rule => rule.Link, StringComparer.Ordinal);

    public string Name => "patient-timelines";

    public IReadOnlyList<string> Events { get; } = [.. rules.Select(rule => rule.EventName)];

    public async Task Handle(IReadOnlyList<Event> events, Database database, CancellationToken cancel)
    {
        List<Event> deciding = [.. events.Where(e => links[e.Name] != SubjectLink.Once)];
        if (deciding.Count > 0)
        {
            await database.Execute(
                Relink,
                new
                {
                    ids = Ids(deciding), subjects = Subjects(deciding), patients = Patients(deciding, SubjectLink.Begins),
                    names = Events.ToArray(),
                },
                cancel);
        }

        await database.Execute(
            Insert, new { ids = Ids(events), subjects = Subjects(events), patients = Patients(events, SubjectLink.Once) }, cancel);
    }

    private static long[] Ids(IEnumerable<Event> events) => [.. events.Select(e => e.Id)];

    private static string[] Subjects(IEnumerable<Event> events) => [.. events.Select(e => e.Subject)];

    /// <summary>The patients whom events of this kind name; null for other events.</summary>
    private long?[] Patients(IEnumerable<Event> events, SubjectLink kind) =>
        [.. events.Select(e => links[e.Name] == kind ? e.Number("patient_id") : null)];
}
