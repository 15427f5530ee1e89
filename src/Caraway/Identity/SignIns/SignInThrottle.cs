using System.Security.Cryptography;
using System.Text;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Npgsql;

namespace Caraway.Identity.SignIns;

/// <summary>
/// Limits failed sign-ins within 15 minutes: ten for one account from one address, a hundred from one address. Only that pair or that
/// address then waits, so nobody can lock another person out (docs/contracts/identity.md). An attempt is written before the password is
/// checked and removed when the password was right, so that concurrent requests get no more tries than consecutive ones. The attempts are
/// in the database: they survive a restart and hold for all processes.
/// </summary>
internal sealed class SignInThrottle(NpgsqlDataSource source, MasterKey master, TimeProvider time)
{
    public const int MostOfPair = 10;
    public const int MostOfAddress = 100;
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(15);

    /// <summary>A pending attempt that is older belongs to a process that was killed; it does not count as a failure.</summary>
    private static readonly TimeSpan LongestAttempt = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Two statements in one transaction. The first takes the lock of the address, because the second limit applies to the address; the
    /// second sees what was committed while the first waited. Below both limits, it writes the attempt and both times are null.
    /// </summary>
    internal static readonly string Reserve = $"""
        select pg_advisory_xact_lock(@number);
        with full_pair as (
            select at from identity.sign_in_attempts
            where address = @address and account_hash = @account and at > @since and (failed or at > @pendingSince)
            order by at desc offset {MostOfPair - 1} limit 1
        ), full_address as (
            select at from identity.sign_in_attempts
            where address = @address and at > @since and (failed or at > @pendingSince)
            order by at desc offset {MostOfAddress - 1} limit 1
        ), reserved as (
            insert into identity.sign_in_attempts (address, account_hash, at)
            select @address, @account, @now where not exists (select from full_pair) and not exists (select from full_address)
            returning id
        )
        select (select id from reserved) as id,
            greatest((select at from full_pair), (select at from full_address)) as full_since,
            exists (
                select from identity.sign_in_attempts where address = @address and at > @pendingSince and not failed
            ) as has_pending;
        """;

    private const string Failed = "update identity.sign_in_attempts set failed = true where id = @id";

    private const string Delete = "delete from identity.sign_in_attempts where id = @id";

    private const string Clean = "delete from identity.sign_in_attempts where at < @oldest";

    private readonly byte[] secret = master.Derive("sign-in attempts");

    private sealed record Row(long? Id, DateTime? FullSince, bool HasPending);

    /// <summary>An attempt that may go on, or a refusal.</summary>
    public readonly record struct Attempt(long Id, Refusal? Refusal);

    /// <param name="account">The user name in lower case, whether or not such a user exists.</param>
    /// <param name="network">From <c>Caller.NetworkOf</c>.</param>
    public async Task<Attempt> Begin(string account, string network, CancellationToken cancel)
    {
        var now = time.GetUtcNow().UtcDateTime;
        await using var database = new Database(source);
        var row = await database.Many(
            Reserve,
            new
            {
                number = BitConverter.ToInt64(Keyed("address\n" + network)), address = network, account = Keyed(account),
                now, since = now - Window, pendingSince = now - LongestAttempt,
            },
            async grid =>
            {
                await grid.ReadAsync<object>();
                return await grid.ReadSingleAsync<Row>();
            },
            cancel);
        if (row.Id is { } id)
            return new Attempt(id, null);
        // A pending attempt may succeed within a second and then makes room for another.
        var wait = row.HasPending ? TimeSpan.FromSeconds(1) : (row.FullSince ?? now) + Window - now;
        return new Attempt(0, Refusal.TooMany(
            ProblemCodes.TooManyAttempts, "Too many failed attempts. Try again later.", wait < Window ? wait : Window));
    }

    /// <summary>Counts the attempt as a failure: the password was wrong.</summary>
    public async Task Fail(Attempt attempt, CancellationToken cancel)
    {
        await using var database = new Database(source);
        await database.Execute(Failed, new { id = attempt.Id }, cancel);
    }

    /// <summary>Removes the attempt: the password was right or was not checked.</summary>
    public async Task Forgive(Attempt attempt, CancellationToken cancel)
    {
        await using var database = new Database(source);
        await database.Execute(Delete, new { id = attempt.Id }, cancel);
    }

    /// <summary>Removes attempts that are older than the window.</summary>
    public Task<int> Sweep(Database database, CancellationToken cancel) =>
        database.Execute(Clean, new { oldest = time.GetUtcNow().UtcDateTime - Window }, cancel);

    private byte[] Keyed(string text) => HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(text));
}
