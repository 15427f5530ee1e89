using Caraway.Care.Contracts;
using Caraway.Identity.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Caraway.Platform.Search;

namespace Caraway.Care;

/// <summary>Keeps the words of appointments, a moment after they or the names of their persons were written.</summary>
internal sealed class IndexAppointmentWords : IEventHandler
{
    /// <summary>The appointments of the batch: those of the events, and all of a person with a new name.</summary>
    private const string Given = """
        select id from care.appointments where id = any(@appointments)
        union
        select id from care.appointments where patient_id = any(@renamed)
        union
        select id from care.appointments where doctor_id = any(@renamed)
        """;

    private static readonly string Write = $"""
        insert into care.appointment_words (appointment_id, people, status, scheduled_time, words)
        select a.id, array_remove(array[a.patient_id, a.doctor_id], null), a.status, a.scheduled_time,
            {TextMatch.NameVector("p.full_name || ' ' || coalesce(d.full_name, '')")} || to_tsvector('platform.words', a.reason)
        from ({Given}) g
        join care.appointments a on a.id = g.id
        join identity.user_card p on p.id = a.patient_id
        left join identity.user_card d on d.id = a.doctor_id
        order by a.id
        on conflict (appointment_id) do update
        set people = excluded.people, status = excluded.status, scheduled_time = excluded.scheduled_time, words = excluded.words
        where (appointment_words.people, appointment_words.status, appointment_words.scheduled_time, appointment_words.words)
            is distinct from (excluded.people, excluded.status, excluded.scheduled_time, excluded.words);
        {Lexemes.Insert(SearchAppointments.KindName, $"""
            select w.words from ({Given}) g join care.appointment_words w on w.appointment_id = g.id
            """)};
        {SimilarWords.Insert(SearchAppointments.KindName, $"""
            select reason, false from care.appointments where id = any(@appointments)
            union all
            select p.full_name, true
            from ({Given}) g join care.appointments a on a.id = g.id join identity.user_card p on p.id in (a.patient_id, a.doctor_id)
            """)}
        """;

    public string Name => "care-words";

    public IReadOnlyList<string> Events { get; } =
        [CareEvents.AppointmentCreated, CareEvents.AppointmentUpdated, IdentityEvents.UserRenamed];

    public Task Handle(IReadOnlyList<Event> events, Database database, CancellationToken cancel)
    {
        var ofUsers = events.ToLookup(e => e.Name == IdentityEvents.UserRenamed, e => e.SubjectId);
        return database.Execute(
            Write, new { appointments = ofUsers[false].Distinct().ToArray(), renamed = ofUsers[true].Distinct().ToArray() }, cancel);
    }
}
