using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Identity.Users;

/// <summary>
/// <c>GET /api/v1/users</c>: lists accounts for administrators, newest first, filtered by role and by a part of the address or name. The
/// search for a part reads all accounts.
/// </summary>
internal static class ListUsers
{
    public sealed record Response(IReadOnlyList<User.Response> Items, long? NextCursor);

    private const int LongestQuery = 200;

    internal const string Select = $"select {User.Columns} from identity.users where id < @Before";

    internal const string Matches = " and (email_key like @pattern or lower(full_name) like @pattern)";

    public static async Task<Results<Ok<Response>, Refusal>> Handle(
        [RoleWord] string? role, string? q, string? limit, string? cursor,
        PageSizes sizes, Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        if (Page.Read(limit, cursor, sizes, out var page) is { } refusal)
            return refusal;
        if (role is { Length: > 0 } && !Roles.All.Contains(role, StringComparer.Ordinal))
            return Refusal.InvalidQuery("role", $"The role must be one of {string.Join(", ", Roles.All)}.");
        if (q is not null && (q.Length > LongestQuery || q.Contains('\0', StringComparison.Ordinal)))
            return Refusal.InvalidQuery("q", "The search text must have at most 200 characters, and not U+0000.");

        var filter = (string.IsNullOrEmpty(role) ? "" : " and role = @role") + (string.IsNullOrEmpty(q) ? "" : Matches);
        var sql = Select + filter + " order by id desc" + page.Take;
        var items = await database.List<User.Response>(sql, new { page.Before, role, pattern = Pattern(q) }, cancel);
        var next = page.Cut(items, user => user.Id);
        var patients = AccessedPatients.Create([.. items.Where(user => user.Role == Roles.Patient).Select(user => user.Id)]);
        return accesses.Add(caller, patients) is { } unrecorded ? unrecorded : TypedResults.Ok(new Response(items, next));
    }

    /// <summary>A LIKE pattern that finds the text anywhere. The wildcards of LIKE in the text are escaped.</summary>
    private static string? Pattern(string? q)
    {
        var escaped = q?.ToLowerInvariant()
            .Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("%", "\\%", StringComparison.Ordinal)
            .Replace("_", "\\_", StringComparison.Ordinal);
        return escaped is null ? null : "%" + escaped + "%";
    }
}
