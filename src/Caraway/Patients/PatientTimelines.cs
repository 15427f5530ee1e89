using Caraway.Platform.Events;
using Caraway.Platform.Postgres;

namespace Caraway.Patients;

/// <summary>
/// Keeps which events belong to which patient. The first event of a subject whose payload names a patient binds the subject to that
/// patient; this event and all later ones of the subject belong to the patient.
/// </summary>
internal sealed class PatientTimelines(IEnumerable<TimelineRule> rules) : IEventHandler
{
    /// <summary>
    /// A second delivery of the same events writes nothing. The log can name patients whom a downward migration has deleted; their events
    /// have no timeline.
    /// </summary>
    private const string Insert = """
        with given as (
            select * from unnest(@ids, @subjects, @patients) as g (id, subject, patient_id)
        ), bound as (
            insert into patients.subjects (subject, patient_id)
            select distinct on (subject) subject, patient_id from given g
            where exists (select from identity.user_card u where u.id = g.patient_id) order by subject, id
            on conflict (subject) do nothing
            returning subject, patient_id
        ), known as (
            select subject, patient_id from bound
            union
            select s.subject, s.patient_id from patients.subjects s where s.subject = any(@subjects)
        )
        insert into patients.timeline (patient_id, event_id)
        select k.patient_id, g.id from given g join known k on k.subject = g.subject
        on conflict (patient_id, event_id) do nothing
        """;

    public string Name => "patient-timelines";

    public IReadOnlyList<string> Events { get; } = [.. rules.Select(rule => rule.EventName)];

    public Task Handle(IReadOnlyList<Event> events, Database database, CancellationToken cancel) => database.Execute(
        Insert,
        new
        {
            ids = events.Select(e => e.Id).ToArray(),
            subjects = events.Select(e => e.Subject).ToArray(),
            patients = events.Select(e => e.Number("patient_id")).ToArray(),
        },
        cancel);
}
