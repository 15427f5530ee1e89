using Caraway.Identity.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Caraway.Platform.Search;

namespace Caraway.Identity.Users;

/// <summary>
/// Keeps the words of users' names, a moment after they were written, so that a misspelt name finds the one that is meant.
/// </summary>
internal sealed class IndexUserWords : IEventHandler
{
    private static readonly string Write = SimilarWords.Insert(
        SearchUsers.KindName, "select full_name, true from identity.users where id = any(@users)");

    public string Name => "identity-words";

    public IReadOnlyList<string> Events { get; } = [IdentityEvents.UserRegistered, IdentityEvents.UserRenamed];

    public Task Handle(IReadOnlyList<Event> events, Database database, CancellationToken cancel) =>
        database.Execute(Write, new { users = events.Select(e => e.SubjectId).Distinct().ToArray() }, cancel);
}
