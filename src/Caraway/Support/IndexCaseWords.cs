using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Caraway.Platform.Search;
using Caraway.Support.Contracts;

namespace Caraway.Support;

/// <summary>
/// Keeps the words of support cases for suggestions and for beginnings of words, a moment after they were written. A vector in the row of
/// a case finds the case itself at once.
/// </summary>
internal sealed class IndexCaseWords : IEventHandler
{
    private static readonly string Write = $"""
        {Lexemes.Insert(SearchCases.KindName, "select search from support.cases where id = any(@cases)")};
        {SimilarWords.Insert(SearchCases.KindName, """
            select concat_ws(' ', title, description, platform.join_words(tags)), false from support.cases where id = any(@cases)
            """)}
        """;

    public string Name => "support-words";

    public IReadOnlyList<string> Events { get; } = [SupportEvents.CaseOpened, SupportEvents.CaseImported, SupportEvents.CaseUpdated];

    public Task Handle(IReadOnlyList<Event> events, Database database, CancellationToken cancel)
    {
        var cases = new List<long>();
        foreach (var subject in events.Select(e => e.Subject).Distinct(StringComparer.Ordinal))
        {
            if (CaseId.TryRead(subject[(subject.IndexOf(':', StringComparison.Ordinal) + 1)..], out var id))
                cases.Add(id);
        }

        return database.Execute(Write, new { cases = cases.ToArray() }, cancel);
    }
}
