using System.Security.Cryptography;
using System.Text;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Npgsql;

namespace Caraway.Identity.SignIns;

/// <summary>
/// Ten failures for one account from one address within 15 minutes, or a hundred from one address, and that pair or address waits; nobody
/// can lock another person out (docs/contracts/identity.md). An attempt is written down before the password is looked at, and taken back when it
/// was right: many at once get no more tries than one after the other. Kept in the database, so it survives a restart and holds for all
/// processes.
/// </summary>
internal sealed class SignInThrottle(NpgsqlDataSource source, MasterKey master, TimeProvider time)
{
    public const int MostOfPair = 10;
    public const int MostOfAddress = 100;
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(15);

    /// <summary>An attempt that ended in neither way by then was cut off by a kill, and is no failure.</summary>
    private static readonly TimeSpan LongestAttempt = TimeSpan.FromMinutes(1);

    /// <summary>
    /// One transaction. The lock is the address's, for the second limit is; the second statement sees what was committed while the first
    /// waited. When there is room, both times are null and the attempt is written.
    /// </summary>
    internal static readonly string Reserve = $"""
        select pg_advisory_xact_lock(@number);
        with full_pair as (
            select at from identity.sign_in_attempts
            where address = @address and account_hash = @account and at > @since and (failed or at > @atWork) order by at desc offset {MostOfPair - 1} limit 1
        ), full_address as (
            select at from identity.sign_in_attempts where address = @address and at > @since and (failed or at > @atWork) order by at desc offset {MostOfAddress - 1} limit 1
        ), reserved as (
            insert into identity.sign_in_attempts (address, account_hash, at)
            select @address, @account, @now where not exists (select from full_pair) and not exists (select from full_address)
            returning id
        )
        select (select id from reserved) as id, greatest((select at from full_pair), (select at from full_address)) as full_since,
            exists (select from identity.sign_in_attempts where address = @address and at > @atWork and not failed) as some_at_work;
        """;

    private const string Failed = "update identity.sign_in_attempts set failed = true where id = @id";

    private const string Delete = "delete from identity.sign_in_attempts where id = @id";

    private const string Clean = "delete from identity.sign_in_attempts where at < @oldest";

    private readonly byte[] secret = master.Derive("sign-in attempts");

    private sealed record Row(long? Id, DateTime? FullSince, bool SomeAtWork);

    /// <summary>An attempt that may go on, or the refusal.</summary>
    public readonly record struct Attempt(long Id, Refusal? Refusal);

    /// <param name="account">The user name in lower case, whether or not anybody has it.</param>
    /// <param name="network">Of <c>Caller.NetworkOf</c>.</param>
    public async Task<Attempt> Begin(string account, string network, CancellationToken cancel)
    {
        var now = time.GetUtcNow().UtcDateTime;
        await using var database = new Database(source);
        var row = await database.Many(
            Reserve,
            new
            {
                number = BitConverter.ToInt64(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes("address\n" + network))),
                address = network, account = HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(account)), now, since = now - Window, atWork = now - LongestAttempt,
            },
            async grid =>
            {
                await grid.ReadAsync<object>();
                return await grid.ReadSingleAsync<Row>();
            },
            cancel);
        if (row.Id is { } id)
            return new Attempt(id, null);
        // What is at work may turn out right, and then there is room again.
        var wait = row.SomeAtWork ? TimeSpan.FromSeconds(1) : (row.FullSince ?? now) + Window - now;
        return new Attempt(0, Refusal.TooMany(ProblemCodes.TooManyAttempts, "Too many failed attempts. Try again later.", wait < Window ? wait : Window));
    }

    /// <summary>The password was wrong.</summary>
    public async Task Fail(Attempt attempt, CancellationToken cancel)
    {
        await using var database = new Database(source);
        await database.Execute(Failed, new { id = attempt.Id }, cancel);
    }

    /// <summary>The password was right, or never looked at: the attempt was no failure.</summary>
    public async Task Forgive(Attempt attempt, CancellationToken cancel)
    {
        await using var database = new Database(source);
        await database.Execute(Delete, new { id = attempt.Id }, cancel);
    }

    /// <summary>Removes what no longer counts.</summary>
    public Task<int> Sweep(Database database, CancellationToken cancel) =>
        database.Execute(Clean, new { oldest = time.GetUtcNow().UtcDateTime - Window }, cancel);
}
