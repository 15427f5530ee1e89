using Caraway.Identity.Contracts;
using Caraway.Identity.Keys;
using Caraway.Identity.SignIns;
using Caraway.Identity.Users;
using Caraway.Platform.Http;
using Caraway.Platform.Jobs;
using Caraway.Tests.Infrastructure;
using Dapper;

namespace Caraway.Tests.Identity;

/// <summary>
/// The statements of Identity and of the job queue with a million users, sign-ins, refresh tokens and jobs. docs/query-plans.md has the
/// figures.
/// </summary>
[Trait("Category", "Long")]
public sealed class IdentityPlanTests(MillionUsers million, ITestOutputHelper output) : IClassFixture<MillionUsers>
{
    public static TheoryData<string, string> Statements => new()
    {
        { "sign in: the user", SignIn.Find },
        { "sign in: the throttle", SignInThrottle.Reserve.Split(';')[1] },
        { "sign in: open", SignIn.Open },
        { "sign in: fail", SignIn.Fail },
        { "refresh", RefreshSession.Use },
        { "sign out", SignOut.End },
        { "what ended lately", EndedSessions.ReadLately },
        { "a key", ApiKeys.Find },
        { "a user", GetUser.Select },
        { "users, a page", ListUsers.Select + " order by id desc" + new Page(100, 0).Take },
        { "users of a role, a page", ListUsers.Select + " and role = @role order by id desc" + new Page(100, 0).Take },
        { "a password reset: make", CreatePasswordReset.Save },
        { "a password reset: find", RedeemPasswordReset.Find },
        { "a password reset: use", RedeemPasswordReset.Redeem },
        { "actors linked with a user", LinkedActors.OfUser },
        { "actors linked with a gateway id", LinkedActors.OfGatewayId },
        { "link a gateway id", LinkGateway.Link },
        { "register", RegisterUser.Insert },
        { "change a user", UpdateUser.Update.Split(';')[2] },
        { "claim jobs", JobQueue.ClaimSql },
        { "lost jobs", JobQueue.ReturnLostSql },
    };

    [Theory]
    [MemberData(nameof(Statements))]
    public async Task A_statement_costs_the_same_with_a_million_rows(string name, string sql)
    {
        var session = new Guid(500_000, 0, 0, new byte[8]);
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        object values = name == "sign in: the throttle"
            ? new
            {
                account = new byte[] { 0 }, address = "10.0.0.1", now,
                since = now.AddMinutes(-15), pendingSince = now.AddMinutes(-1),
            }
            : new
            {
                account = "user500000@example.org", address = "10.0.0.1", now, requestId = "r", id = 500_000L,
                Id = 500_000L, PasswordHash = "x", Role = "doctor", newHash = (string?)null, attempt = 5L,
                session = new Guid(1, 2, 3, new byte[8]), ends = now, tokenHash = new byte[] { 9 }, tokenEnds = now,
                hash = Convert.FromHexString("0007A120"), successorHash = new byte[] { 8 },
                UserId = 500_000L, SessionId = session, caller = "test", RequestId = "r", Address = "a",
                Value = 500_000L, any = true, Before = 900_000L, role = "doctor",
                email = "new@example.org", emailKey = "new@example.org", FullName = "New",
                version = 1L, IsActive = (bool?)null, endsAdministrator = true,
                passwordHash = "y", expires = now,
                gatewayId = "person500000", GatewayId = "new500000",
                queue = "documents", take = 50, worker = "w", leaseUntil = now,
            };
        await Plans.StaysBounded(million.Database, sql, values, name, output);
    }
}

/// <summary>
/// A million users with one sign-in and one refresh token each (half of the sign-ins ended long ago), 700,000 links with gateways' users
/// and as many password resets, a hundred thousand failed attempts and a million waiting jobs.
/// </summary>
public sealed class MillionUsers(PostgresServer postgres) : IAsyncLifetime
{
    public TestDatabase Database { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = await postgres.Create();
        await using var connection = await Database.Source.OpenConnectionAsync();
        await connection.ExecuteAsync(
            """
            insert into identity.users (email, email_key, full_name, password_hash, role, created_at, updated_at)
            select 'User' || n || '@example.org', 'user' || n || '@example.org', 'User ' || n, 'x',
                case when n % 100 = 0 then 'doctor' else 'patient' end, now(), now()
            from generate_series(1, 1000000) n;
            insert into identity.sessions (id, user_id, created_at, expires_at, ended_at, ended_because)
            select (lpad(to_hex(n), 8, '0') || '-0000-0000-0000-000000000000')::uuid, n, now(), now() + interval '30 days',
                case when n % 2 = 1 then now() - n * interval '0.08 seconds' end, 'x'
            from generate_series(1, 1000000) n;
            insert into identity.refresh_tokens (token_hash, session_id, generation, expires_at)
            select decode(lpad(to_hex(n), 8, '0'), 'hex'), (lpad(to_hex(n), 8, '0') || '-0000-0000-0000-000000000000')::uuid, 0,
                now() + interval '7 days'
            from generate_series(1, 1000000) n;
            insert into identity.sign_in_attempts (address, account_hash, at, failed)
            select '10.0.' || n % 250 || '.' || n % 199, '\x00', now() - n * interval '0.009 seconds', true
            from generate_series(1, 100000) n;
            insert into identity.api_keys (name, prefix, key_hash, scopes, created_at)
            select 'key', 'cwy_' || n, decode(lpad(to_hex(n), 8, '0'), 'hex'), '{advocacy:read}', now()
            from generate_series(499900, 600000) n;
            insert into identity.gateway_links (user_id, gateway_id, linked_at)
            select id, 'person' || id, now() from identity.users where id <= 700000;
            insert into identity.password_resets (user_id, token_hash, created_at, expires_at)
            select id, decode(lpad(to_hex(id), 8, '0'), 'hex'), now(), now() + interval '30 minutes' from identity.users where id <= 700000;
            insert into platform.jobs (queue, kind, subject, payload, run_at, created_at, updated_at)
            select 'documents', 'process_document', 'x:' || n, '{}', now(), now(), now() from generate_series(1, 1000000) n;
            """,
            commandTimeout: 600);
        await connection.ExecuteAsync("vacuum (analyze)", commandTimeout: 600);
    }

    public ValueTask DisposeAsync() => Database.DisposeAsync();
}
