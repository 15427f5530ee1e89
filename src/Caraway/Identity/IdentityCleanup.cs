using Caraway.Identity.SignIns;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Npgsql;

namespace Caraway.Identity;

/// <summary>Removes what no longer counts: old attempts to sign in, sign-ins that ended long ago, keys that nothing is signed with any more.</summary>
internal sealed partial class IdentityCleanup(NpgsqlDataSource source, SignInThrottle throttle, TimeProvider time, ILogger<IdentityCleanup> logger) : BackgroundLoop(time)
{
    private const int AtOnce = 1000;

    /// <summary>A day is more than any access token or clock needs. What another transaction holds is left for later.</summary>
    private const string Sessions = """
        delete from identity.sessions where id in (
            select id from identity.sessions
            where id in (
                (select id from identity.sessions where expires_at < @old order by expires_at limit 1000)
                union all
                (select id from identity.sessions where ended_at < @old order by ended_at limit 1000))
            for update skip locked)
        """;

    private const string Keys = "delete from identity.signing_keys where expires_at < @old";

    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    public async Task CleanOnce(CancellationToken cancel)
    {
        await using var database = new Database(source);
        var old = Time.GetUtcNow().UtcDateTime.AddDays(-1);
        await throttle.Sweep(database, cancel);
        while (await database.Execute(Sessions, new { old }, cancel) >= AtOnce)
        {
            // The next thousand.
        }

        await database.Execute(Keys, new { old }, cancel);
    }

    protected override async Task<TimeSpan> RunRound(CancellationToken stopping)
    {
        await CleanOnce(stopping);
        return Pause;
    }

    protected override TimeSpan OnFailure(Exception exception)
    {
        LogNotCleaned(exception);
        return Pause;
    }

    [LoggerMessage(73, LogLevel.Warning, "Old sign-ins could not be removed; they will be later.")]
    private partial void LogNotCleaned(Exception exception);
}
