using Caraway.Platform.Events;
using Caraway.Platform.Postgres;

namespace Caraway.Identity;

/// <summary>
/// Keeps which events are a patient's. An event whose payload names a patient says whose its subject is; it and all later ones of the
/// subject are the patient's.
/// </summary>
internal sealed class PatientTimelines(IEnumerable<TimelineRule> rules) : IEventHandler
{
    /// <summary>
    /// A repetition finds what it wrote, and writes nothing. The log can name patients that a way back of the schema has deleted: their
    /// events have no timeline.
    /// </summary>
    private const string Insert = """
        with given as (
            select * from unnest(@ids, @subjects, @patients) as g (id, subject, patient_id)
        ), bound as (
            insert into identity.patient_subjects (subject, patient_id)
            select distinct on (subject) subject, patient_id from given g
            where exists (select from identity.user_card u where u.id = g.patient_id) order by subject, id
            on conflict (subject) do nothing
            returning subject, patient_id
        ), known as (
            select subject, patient_id from bound
            union
            select s.subject, s.patient_id from identity.patient_subjects s where s.subject = any(@subjects)
        )
        insert into identity.patient_timeline (patient_id, event_id)
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
