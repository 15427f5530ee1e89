using Caraway.Platform.Postgres;
using Microsoft.Extensions.Caching.Memory;
using Npgsql;

namespace Caraway.Identity.Contracts;

/// <summary>
/// The names of signed-in users, for what they do. Remembered for five seconds, so that who works at his desk costs no query, and a new name
/// shows soon. (Looked up in the statement that needs it, it was felt in the bench: bench/RESULTS.md.)
/// </summary>
internal sealed class UserNameCache(NpgsqlDataSource source) : IDisposable
{
    private const string Select = "select full_name from identity.user_card where id = @id";

    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(5);

    private readonly MemoryCache names = new(new MemoryCacheOptions { SizeLimit = 10_000 });

    /// <summary>The user's full name, cut to so many characters; null for callers who are no users.</summary>
    public async ValueTask<string?> Of(long? userId, int longest, CancellationToken cancel)
    {
        if (userId is not { } id)
            return null;
        if (!names.TryGetValue(id, out string? name))
        {
            await using var database = new Database(source);
            name = await database.First<string>(Select, new { id }, cancel);
            names.Set(id, name, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Remembered });
        }

        return name is null ? null : Cut(name, longest);
    }

    public void Dispose() => names.Dispose();

    /// <summary>Characters as PostgreSQL counts them.</summary>
    private static string Cut(string name, int longest) =>
        name.Length <= longest ? name : string.Concat(name.EnumerateRunes().Take(longest));
}
