using System.Security.Cryptography;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Identity.Tokens;

/// <summary>
/// The keys that sign and verify access tokens; all processes of one database share them. A key signs for thirty days. Its successor is
/// published an hour before it signs, so that every process and every reader of the key set knows it by then.
/// </summary>
internal sealed partial class SigningKeys(
    NpgsqlDataSource source, MasterKey master, IOptions<IdentityOptions> options, TimeProvider time, ILogger<SigningKeys> logger)
    : BackgroundLoop(time)
{
    private const string Read = """
        select kid, sealed_key, active_from, expires_at from identity.signing_keys where expires_at > @now order by active_from, kid
        """;

    /// <summary>
    /// One process at a time decides whether a key is needed. The second statement sees what was committed while the first waited for the
    /// lock.
    /// </summary>
    private const string Add = """
        select pg_advisory_xact_lock(hashtext('caraway.signing_keys'));
        insert into identity.signing_keys (kid, sealed_key, created_at, active_from, expires_at)
        select @Kid, @sealedKey, @now, @ActiveFrom, @ExpiresAt
        where not exists (select from identity.signing_keys where active_from > @newestBefore and kid <> all(@unreadable))
        """;

    private static readonly TimeSpan SignsFor = TimeSpan.FromDays(30);
    private static readonly TimeSpan Ahead = TimeSpan.FromHours(1);
    private static readonly TimeSpan Reload = TimeSpan.FromMinutes(1);

    /// <summary>An unknown kid makes this process read the keys at most this often.</summary>
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim loading = new(1);
    private volatile SigningKey[] keys = [];
    private long askedAt;

    private sealed record Row(string Kid, byte[] SealedKey, DateTime ActiveFrom, DateTime ExpiresAt);

    /// <summary>The keys that verify tokens now, and the next one.</summary>
    public IReadOnlyList<SigningKey> All => keys;

    /// <summary>Finds the key that signs now, and makes the first one if needed.</summary>
    public async ValueTask<SigningKey> Current(CancellationToken cancel)
    {
        var now = Time.GetUtcNow().UtcDateTime;
        if (keys.LastOrDefault(key => key.ActiveFrom <= now && key.ActiveFrom + SignsFor + Ahead > now) is { } current)
            return current;
        await Load(cancel);
        now = Time.GetUtcNow().UtcDateTime;
        // Another process whose clock is ahead may have made the first key.
        return keys.LastOrDefault(key => key.ActiveFrom <= now) ?? keys.FirstOrDefault()
            ?? throw new InvalidOperationException("A signing key was just made and cannot be read.");
    }

    /// <summary>Finds the key of this kid, also when another process made it a moment ago.</summary>
    public async ValueTask<SigningKey?> Find(string kid, CancellationToken cancel)
    {
        if (Known(kid) is { } known)
            return known;
        // Unknown tokens, which anybody can send, must not cause a query each time.
        var now = Time.GetTimestamp();
        var last = Interlocked.Read(ref askedAt);
        if ((last != 0 && Time.GetElapsedTime(last, now) < AskAgain) || Interlocked.CompareExchange(ref askedAt, now, last) != last)
            return null;
        await Load(cancel);
        return Known(kid);
    }

    /// <summary>Whether the key of this kid still verifies tokens.</summary>
    public bool Holds(string kid) => Known(kid) is not null;

    /// <summary>Reads the keys, and makes the first or the next one when it is due.</summary>
    public async Task Load(CancellationToken cancel)
    {
        await loading.WaitAsync(cancel);
        try
        {
            var now = Time.GetUtcNow().UtcDateTime;
            var (found, unreadable) = await ReadAll(now, cancel);
            var newest = found.LastOrDefault();
            if (newest is null || newest.ActiveFrom + SignsFor - Ahead < now)
            {
                await AddNext(newest, unreadable, now, cancel);
                (found, _) = await ReadAll(now, cancel);
            }

            // The replaced keys are not disposed, because a request may be using one.
            keys = [.. found];
        }
        finally
        {
            loading.Release();
        }
    }

    protected override async Task<TimeSpan> RunRound(CancellationToken stopping)
    {
        await Load(stopping);
        return Reload;
    }

    protected override TimeSpan OnFailure(Exception exception)
    {
        LogNotLoaded(exception);
        return TimeSpan.FromSeconds(1);
    }

    public override void Dispose()
    {
        loading.Dispose();
        base.Dispose();
    }

    private SigningKey? Known(string kid)
    {
        var now = Time.GetUtcNow().UtcDateTime;
        return Array.Find(keys, key => key.Kid == kid && key.ExpiresAt > now);
    }

    private async Task<(List<SigningKey> Found, string[] Unreadable)> ReadAll(DateTime now, CancellationToken cancel)
    {
        await using var database = new Database(source);
        var found = new List<SigningKey>();
        var unreadable = new List<string>();
        foreach (var row in await database.List<Row>(Read, new { now }, cancel))
        {
            try
            {
                found.Add(Known(row.Kid) ?? SigningKey.Open(row.Kid, row.SealedKey, row.ActiveFrom, row.ExpiresAt, master));
            }
            catch (CryptographicException e)
            {
                LogUnreadable(e, row.Kid);
                unreadable.Add(row.Kid);
            }
        }

        return (found, [.. unreadable]);
    }

    private async Task AddNext(SigningKey? newest, string[] unreadable, DateTime now, CancellationToken cancel)
    {
        var activeFrom = newest is null ? now : new[] { newest.ActiveFrom + SignsFor, now }.Max();
        var expiresAt = activeFrom + SignsFor + Ahead + options.Value.AccessTokenLife + TimeSpan.FromMinutes(5);
        using var key = SigningKey.Create(activeFrom, expiresAt);
        await using var database = new Database(source);
        await database.Execute(
            Add,
            new
            {
                key.Kid, sealedKey = key.Seal(master), now, key.ActiveFrom, key.ExpiresAt,
                newestBefore = now - SignsFor + Ahead, unreadable,
            },
            cancel);
    }

    [LoggerMessage(70, LogLevel.Warning, "The signing keys of access tokens could not be loaded.")]
    private partial void LogNotLoaded(Exception exception);

    [LoggerMessage(71, LogLevel.Warning,
        "Signing key {Kid} cannot be opened because CARAWAY_MASTER_KEY has changed since it was made. Tokens signed with it are refused.")]
    private partial void LogUnreadable(Exception exception, string kid);
}
