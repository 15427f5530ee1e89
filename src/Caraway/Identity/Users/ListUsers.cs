using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Search;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Identity.Users;

/// <summary>
/// <c>GET /api/v1/users</c>: lists accounts for administrators, newest first, filtered by role and by parts of the address or name. When
/// no user has these parts, it lists users with similar names.
/// </summary>
internal static class ListUsers
{
    public sealed record Response(IReadOnlyList<User.Response> Items, long? NextCursor);

    internal const string Select = $"select {User.Columns} from identity.users where id < @Before";

    public static async Task<Results<Ok<Response>, Refusal>> Handle(
        [RoleWord] string? role, string? q, string? limit, string? cursor,
        PageSizes sizes, Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        if (Page.Read(limit, cursor, sizes, out var page) is { } refusal)
            return refusal;
        if (role is { Length: > 0 } && !Roles.All.Contains(role, StringComparer.Ordinal))
            return Refusal.InvalidQuery("role", $"The role must be one of {string.Join(", ", Roles.All)}.");
        if (q is not null && (Characters.Count(q) > SearchQuery.Longest || q.Contains('\0', StringComparison.Ordinal)))
            return Refusal.InvalidQuery("q", SearchQuery.TooLong);

        var ofRole = string.IsNullOrEmpty(role) ? "" : " and role = @role";
        var items = string.IsNullOrWhiteSpace(q)
            ? await database.List<User.Response>(Select + ofRole + " order by id desc" + page.Take, new { page.Before, role }, cancel)
            : await Search(q.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries), ofRole, role, page, database, cancel);
        var next = page.Cut(items, user => user.Id);
        var patients = AccessedPatients.Create([.. items.Where(user => user.Role == Roles.Patient).Select(user => user.Id)]);
        return accesses.Add(caller, patients) is { } unrecorded ? unrecorded : TypedResults.Ok(new Response(items, next));
    }

    private static async Task<List<User.Response>> Search(
        string[] words, string ofRole, string? role, Page page, Database database, CancellationToken cancel)
    {
        var parts = new NameMatch(words, []);
        var sql = SelectParts(ofRole, parts.IsIndexable);
        var items = await FindParts(page);
        if (items.Count > 0 || (page.Before < long.MaxValue && (await FindParts(new Page(0, long.MaxValue))).Count > 0))
            return items;
        return Array.TrueForAll(words, word => word.All(char.IsLetter))
            && await SimilarWords.FindNames(SearchUsers.KindName, words, database, cancel) is { } names
            ? await database.List<User.Response>(
                SelectSimilar(ofRole, names.Count),
                new { page.Before, role, Names = SimilarNames.Pad(names), Enough = page.Limit + 1 },
                cancel)
            : items;

        Task<List<User.Response>> FindParts(Page part) => database.List<User.Response>(
            sql, new { part.Before, role, parts.Wanted, parts.Excluded, Enough = part.Limit + 1 }, cancel);
    }

    internal static string SelectParts(string conditions, bool isIndexable) => $"""
        with {NameMatch.Patterns}, {SearchUsers.Matches(NameMatch.On("search_text"), isIndexable, conditions)}
        select {User.Columns} from matches m join identity.users u on u.id = m.key order by id desc
        """;

    internal static string SelectSimilar(string conditions, int words) => $"""
        with {SimilarNames.Patterns}, {SearchUsers.Matches(SimilarNames.On("search_text", words), isIndexable: true, conditions)}
        select {User.Columns} from matches m join identity.users u on u.id = m.key order by id desc
        """;
}
