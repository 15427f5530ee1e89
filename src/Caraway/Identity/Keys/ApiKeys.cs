using System.Buffers.Binary;
using System.Buffers.Text;
using System.Collections.Frozen;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Caraway.Identity.Contracts;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.Extensions.Caching.Memory;
using Npgsql;

namespace Caraway.Identity.Keys;

/// <summary>The API key of the environment (<c>API_KEY</c>). Only its SHA-256 is kept in memory.</summary>
internal sealed class EnvironmentKey(string key)
{
    public static FrozenSet<string> Permissions { get; } = PermissionCatalog.OfScope("advocacy:*").ToFrozenSet(StringComparer.Ordinal);

    private readonly byte[] keyHash = SHA256.HashData(Encoding.UTF8.GetBytes(key));

    /// <summary>Compares in constant time.</summary>
    public bool Matches(ReadOnlySpan<byte> hash) => CryptographicOperations.FixedTimeEquals(hash, keyHash);
}

/// <summary>
/// <c>X-API-Key</c>: the key of the environment, or a key made by <c>caraway apikey create</c>. Missing, empty, unknown, expired, revoked
/// and non-ASCII keys get the same 401 (docs/contracts/advocacy.md). A stored key is looked up by its hash and cached for a second, so a
/// revoked key may be accepted for one more second.
/// </summary>
internal sealed class ApiKeys(EnvironmentKey environment, NpgsqlDataSource source, TimeProvider time) : ICredential, IDisposable
{
    public const string Header = "X-API-Key";

    /// <summary>The beginning of every stored key, so that a leaked key can be recognised.</summary>
    public const string Mark = "cwy_";

    private const int SecretBytes = 32;
    private const int PrefixLength = 12;

    /// <summary>The last use is written at most once a minute.</summary>
    internal const string Find = """
        with found as (
            select id, scopes from identity.api_keys
            where key_hash = @hash and revoked_at is null and (expires_at is null or expires_at > @now)
        ), used as (
            update identity.api_keys k set last_used_at = @now from found f
            where k.id = f.id and (k.last_used_at is null or k.last_used_at < @now - interval '1 minute')
        )
        select id, scopes from found
        """;

    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(1);

    private readonly MemoryCache known = new(new MemoryCacheOptions { SizeLimit = 10_000 });

    private sealed class Row
    {
        public long Id { get; init; }

        public string[] Scopes { get; init; } = [];
    }

    private sealed record Known(string CallerId, FrozenSet<string> Permissions);

    /// <summary>Makes a new key: the mark and 256 random bits.</summary>
    /// <returns>The key, which is shown once; its beginning, by which people recognise it; its hash, which is stored.</returns>
    public static (string Key, string Prefix, byte[] Hash) Generate()
    {
        var key = Mark + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));
        return (key, key[..PrefixLength], SHA256.HashData(Encoding.UTF8.GetBytes(key)));
    }

    public ValueTask<Identified> Identify(HttpContext context)
    {
        if (!context.Request.Headers.TryGetValue(Header, out var values))
            return default;
        if (values.Count != 1 || values[0] is not { Length: > 0 and <= 1024 } given)
            return ValueTask.FromResult(new Identified(null, Denial.KeyRefused));
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(given), hash);
        if (environment.Matches(hash))
            return ValueTask.FromResult(new Identified(Caller.Create(context, "apikey:environment", EnvironmentKey.Permissions), null));
        // A value without the mark cannot be a stored key; it costs no query.
        return given.StartsWith(Mark, StringComparison.Ordinal)
            ? Stored(context, hash.ToArray())
            : ValueTask.FromResult(new Identified(null, Denial.KeyRefused));
    }

    public void Dispose() => known.Dispose();

    private async ValueTask<Identified> Stored(HttpContext context, byte[] hash)
    {
        var cacheKey = BinaryPrimitives.ReadUInt128LittleEndian(hash);
        if (!known.TryGetValue(cacheKey, out Known? key) || key is null)
        {
            await using var database = new Database(source);
            var now = time.GetUtcNow().UtcDateTime;
            if (await database.First<Row>(Find, new { hash, now }, context.RequestAborted) is not { } row)
                return new Identified(null, Denial.KeyRefused);
            var permissions = row.Scopes.SelectMany(PermissionCatalog.OfScope).ToFrozenSet(StringComparer.Ordinal);
            key = new Known(string.Create(CultureInfo.InvariantCulture, $"apikey:{row.Id}"), permissions);
            known.Set(cacheKey, key, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Lifetime });
        }

        return new Identified(Caller.Create(context, key.CallerId, key.Permissions), null);
    }
}
