using Caraway.Platform.Postgres;
using Microsoft.Extensions.Caching.Memory;
using Npgsql;

namespace Caraway.Identity.Contracts;

/// <summary>
/// The names of signed-in users, which cases and notes store as actor and author. A name is cached for five seconds, so that a user at work
/// costs no query and a new name shows soon. A lookup in each statement was measurably slower (bench/RESULTS.md).
/// </summary>
internal sealed class UserNameCache(NpgsqlDataSource source) : IDisposable
{
    private const string Select = "select full_name from identity.user_card where id = @id";

    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(5);

    private readonly MemoryCache names = new(new MemoryCacheOptions { SizeLimit = 10_000 });

    /// <summary>The full name of the user, cut to this many characters; null for a caller that is not a user.</summary>
    public async ValueTask<string?> Find(long? userId, int longest, CancellationToken cancel)
    {
        if (userId is not { } id)
            return null;
        if (!names.TryGetValue(id, out string? name))
        {
            await using var database = new Database(source);
            name = await database.First<string>(Select, new { id }, cancel);
            names.Set(id, name, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Lifetime });
        }

        return name is null ? null : Cut(name, longest);
    }

    public void Dispose() => names.Dispose();

    /// <summary>Counts code points, as PostgreSQL does.</summary>
    private static string Cut(string name, int longest) =>
        name.Length <= longest ? name : string.Concat(name.EnumerateRunes().Take(longest));
}
