using Caraway.Identity.SignIns;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Npgsql;

namespace Caraway.Identity;

/// <summary>
/// Removes old attempts to sign in, expired password resets, sign-ins that ended a day ago, and signing keys that expired a day ago.
/// </summary>
internal sealed partial class IdentityCleanup(
    NpgsqlDataSource source, SignInThrottle throttle, TimeProvider time, ILogger<IdentityCleanup> logger)
    : BackgroundLoop(time)
{
    private const int BatchSize = 1000;

    /// <summary>
    /// Sign-ins stay for a day, longer than any access token of theirs is valid. Rows that another transaction holds are skipped.
    /// </summary>
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

    private const string Resets = "delete from identity.password_resets where expires_at < @now";

    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    public async Task CleanOnce(CancellationToken cancel)
    {
        await using var database = new Database(source);
        var now = Time.GetUtcNow().UtcDateTime;
        var old = now.AddDays(-1);
        await throttle.Sweep(database, cancel);
        while (await database.Execute(Sessions, new { old }, cancel) >= BatchSize)
        {
            // Continue until fewer than a thousand were left.
        }

        await database.Execute(Resets, new { now }, cancel);
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

    [LoggerMessage(73, LogLevel.Warning, "Old sign-ins could not be removed; the next attempt is in a minute.")]
    private partial void LogNotCleaned(Exception exception);
}
