using Caraway.Advocacy.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Caraway.Platform.Search;

namespace Caraway.Advocacy;

/// <summary>
/// Keeps the words of cases and notes, a moment after they were written. An index of words costs as much as the rest of an intake, and the
/// intake does not wait for it (ADR 25).
/// </summary>
internal sealed class IndexCaseWords : IEventHandler
{
    /// <summary>Also after a correction of the applicant's name. The order of ids keeps the rows of new cases together.</summary>
    private static readonly string Write = $"""
        insert into advocacy.case_words (case_id, note_id, created_at, words)
        select c.id, 0, c.created_at, {TextMatch.NameVector("a.full_name")} || to_tsvector('platform.words', c.narrative)
        from advocacy.cases c join advocacy.applicants a on a.id = c.applicant_id
        where c.id = any(@cases)
        order by c.id
        on conflict (case_id, note_id) do update set words = excluded.words where case_words.words <> excluded.words;
        insert into advocacy.case_words (case_id, note_id, created_at, words)
        select n.case_id, n.id, c.created_at, to_tsvector('platform.words', n.body)
        from ({Notes}) n join advocacy.cases c on c.id = n.case_id
        order by n.case_id, n.id
        on conflict (case_id, note_id) do nothing;
        {Lexemes.Insert(SearchCases.KindName, $"""
            select words from advocacy.case_words where case_id = any(@cases) and note_id = 0
            union all
            select w.words from ({Notes}) n join advocacy.case_words w on w.case_id = n.case_id and w.note_id = n.id
            """)};
        {SimilarWords.Insert(SearchCases.KindName, $"""
            select narrative, false from advocacy.cases where id = any(@cases)
            union all
            select a.full_name, true from advocacy.cases c join advocacy.applicants a on a.id = c.applicant_id where c.id = any(@cases)
            union all
            select body, false from ({Notes}) n
            """)}
        """;

    /// <summary>An erased event does not tell its note, so that all notes of its case are taken.</summary>
    private const string Notes =
        "select id, case_id, body from advocacy.notes where id = any(@notes) or case_id = any(@casesOfErased)";

    public string Name => "advocacy-words";

    public IReadOnlyList<string> Events { get; } = [AdvocacyEvents.CaseOpened, AdvocacyEvents.ApplicantCorrected, AdvocacyEvents.NoteAdded];

    public Task Handle(IReadOnlyList<Event> events, Database database, CancellationToken cancel)
    {
        var noted = events.Where(e => e.Name == AdvocacyEvents.NoteAdded).ToLookup(e => e.Number("note_id"));
        return database.Execute(
            Write,
            new
            {
                cases = events.Where(e => e.Name != AdvocacyEvents.NoteAdded).Select(e => e.SubjectId).Distinct().ToArray(),
                notes = noted.Select(note => note.Key).OfType<long>().ToArray(),
                casesOfErased = noted[null].Select(e => e.SubjectId).Distinct().ToArray(),
            },
            cancel);
    }
}
