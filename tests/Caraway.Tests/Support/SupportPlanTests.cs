using Caraway.Platform.Http;
using Caraway.Support;
using Caraway.Tests.Infrastructure;
using Dapper;

namespace Caraway.Tests.Support;

/// <summary>The statements of Support at a million cases. docs/query-plans.md has the figures.</summary>
[Trait("Category", "Long")]
public sealed class SupportPlanTests(MillionSupportCases million, ITestOutputHelper output) : IClassFixture<MillionSupportCases>
{
    private static readonly TimePage Page = new(100, default, 0);

    private static SupportScope Mine(params string[] me) => new() { Me = me, All = false, Owns = false };

    private static SupportScope All { get; } = new() { Me = ["user:1"], All = true, Owns = true };

    private static CaseFilter Filter(string? status = null, string? session = null)
    {
        Assert.Null(CaseFilter.Read(new CaseFilter.Query { Status = status, SessionId = session }, out var filter));
        return filter;
    }

    /// <summary>The name, the statement, and the actor who asks.</summary>
    public static TheoryData<string, string, string> Statements => new()
    {
        { "open a case, a busy owner", CreateCase.Insert, MillionSupportCases.Busy },
        { "get a case, its owner", GetCase.Select, MillionSupportCases.Busy },
        { "get a case, a stranger", GetCase.Select, "gateway:nobody" },
        { "list, a busy owner, first page", CaseListSql.Keyset(Filter(), Mine("x"), Page), MillionSupportCases.Busy },
        { "list, a busy owner, deep", CaseListSql.Keyset(Filter(), Mine("x"), Page), MillionSupportCases.Busy + " deep" },
        { "list, a busy owner, a status that is rare", CaseListSql.Keyset(Filter("archived"), Mine("x"), Page), MillionSupportCases.Busy },
        { "list, a busy owner, a session", CaseListSql.Keyset(Filter(null, "s7"), Mine("x"), Page), MillionSupportCases.Busy },
        { "list, a reader of many shares, first page", CaseListSql.Keyset(Filter(), Mine("x"), Page), MillionSupportCases.Reader },
        { "list, a reader of many shares, deep", CaseListSql.Keyset(Filter(), Mine("x"), Page), MillionSupportCases.Reader + " deep" },
        { "list, two linked actors", CaseListSql.Keyset(Filter(), Mine("x", "y"), Page), MillionSupportCases.Busy },
        { "list, an agent, first page", CaseListSql.Keyset(Filter(), All, Page), MillionSupportCases.Busy },
        { "list, an agent, deep", CaseListSql.Keyset(Filter(), All, Page), MillionSupportCases.Busy + " deep" },
        { "list, an agent, a status that is rare", CaseListSql.Keyset(Filter("archived"), All, Page), MillionSupportCases.Busy },
        { "change and move a case", UpdateCase.Update, MillionSupportCases.Busy },
        { "change a case, an editor", UpdateCase.Update, MillionSupportCases.Reader },
        { "lock a case for its shares", SupportCase.Lock, MillionSupportCases.Busy },
        { "share a case", ShareCase.Share, MillionSupportCases.Busy },
        { "revoke a share", UnshareCase.Unshare, MillionSupportCases.Busy },
        { "list the shares of a case", ListShares.Select, MillionSupportCases.Busy },
        { "history of a case", GetHistory.Select + Page.Take, MillionSupportCases.Busy },
        { "delete a case", DeleteCase.Delete, MillionSupportCases.Busy },
        { "list templates", ListTemplates.Select + Page.Take, MillionSupportCases.Busy },
    };

    [Theory]
    [MemberData(nameof(Statements))]
    public async Task A_statement_costs_the_same_at_a_million_cases(string name, string sql, string who)
    {
        var (now, isDeep) = (TimeProvider.System.GetUtcNow().UtcDateTime, who.EndsWith(" deep", StringComparison.Ordinal));
        var me = who.Split(' ')[0];
        var shared = me == MillionSupportCases.Reader || name.Contains("share", StringComparison.Ordinal);
        var id = name.StartsWith("open", StringComparison.Ordinal) ? 7 : shared ? million.Shared : million.Own;
        var values = new
        {
            id, caseId = CaseId.Write(id), subject = "support.case:" + CaseId.Write(id), All = false, Owns = false,
            Me = new[] { me, MillionSupportCases.Reader }, Time = isDeep ? now.AddDays(-50) : now.AddDays(1), Id = long.MaxValue,
            Before = long.MaxValue, SharingNames = new[] { "support_case.shared" }, Severity = "low", Category = "other", Tag = "kafka",
            SessionId = "s7", Words = "broker", versions = (long[]?)null, reader = "gateway:somebody", userId = (long?)null,
            access = "view", most = 100, owner = me, sessionId = (string?)null, title = "A title", description = "A longer text",
            initial = "active", severity = "critical", category = "error", metadata = "{}", tags = new[] { "kafka" },
            templateId = (long?)null, status = "closed", sources = new[] { "active", "investigating", "resolved" }, now, caller = me,
            RequestId = "r", Address = "a",
        };

        await Plans.StaysBounded(million.Database, sql, values, name, output);
    }

    /// <summary>The statements find rows: a plan that finds nothing proves nothing.</summary>
    [Fact]
    public async Task The_tables_hold_a_million_rows()
    {
        Task<long> Count(string rows) => million.Database.Scalar<long>("select count(*) from " + rows);

        Assert.Equal(1_000_000, await Count("support.cases"));
        Assert.Equal(200_000, await Count($"support.cases where owner = '{MillionSupportCases.Busy}'"));
        Assert.Equal(100_000, await Count($"support.shares where reader = '{MillionSupportCases.Reader}'"));
        Assert.InRange(await Count("support.cases where status = 'archived'"), 500, 5_000);
    }
}

/// <summary>
/// A million cases of 100 days. A fifth belongs to one busy owner, the rest to 20,000 others; every fifth of the rest is shared with one
/// reader, half of them to edit.
/// </summary>
public sealed class MillionSupportCases(PostgresServer postgres) : IAsyncLifetime
{
    public const string Busy = "gateway:busy";
    public const string Reader = "user:77";

    public TestDatabase Database { get; private set; } = null!;

    /// <summary>A case of <see cref="Busy"/>.</summary>
    public long Own { get; private set; }

    /// <summary>A case that <see cref="Reader"/> may change.</summary>
    public long Shared { get; private set; }

    public async ValueTask InitializeAsync()
    {
        Database = await postgres.Create();
        await using var connection = await Database.Source.OpenConnectionAsync();
        await connection.ExecuteAsync(
            """
            insert into support.cases (id, owner, readers, session_id, title, description, status, severity, category, metadata, tags,
                created_at, updated_at)
            select n * 281474976::bigint + n % 1000, owner, case when is_shared then array[owner, 'user:77'] else array[owner] end,
                's' || n % 100000, 'Case ' || n, 'The upload of report ' || n % 1000 || ' stops at the gateway',
                case when n % 1000 = 7 then 'archived' when n % 3 = 0 then 'active' else 'resolved' end,
                'medium', 'other', '{}', array['tag' || n % 500], t, t
            from (
                select n, case when n % 5 = 0 then 'gateway:busy' else 'gateway:user' || n % 20000 end as owner,
                    n % 10 = 1 as is_shared, now() - n * interval '8.64 seconds' as t
                from generate_series(0, 999999) n) x;
            insert into support.shares (case_id, reader, access, case_created_at, shared_by, shared_at)
            select id, 'user:77', case when id % 4 = 1 then 'edit' else 'view' end, created_at, owner, created_at
            from support.cases where 'user:77' = any(readers);
            insert into support.day_numbers (owner, day, last)
            select owner, (created_at at time zone 'UTC')::date, count(*) from support.cases group by 1, 2;
            insert into identity.users (email, email_key, full_name, password_hash, role, created_at, updated_at)
            select 'user' || n, 'user' || n, 'User ' || n, 'x', 'patient', now(), now() from generate_series(1, 20000) n;
            insert into support.case_templates (owner, name, description, tags, checklist, created_at, updated_at)
            select case when n % 10000 = 1 then null else 'gateway:user' || n % 1000 end, 'Template ' || n, '', '{}', '{}', now(), now()
            from generate_series(1, 100000) n;
            insert into platform.events (at, name, subject, actor, payload)
            select created_at, 'support_case.opened', 'support.case:case_' || lpad(to_hex(id), 12, '0'), owner, '{}'
            from support.cases order by id limit 100000;
            """,
            commandTimeout: 1200);
        await connection.ExecuteAsync("vacuum (analyze)", commandTimeout: 600);
        Own = await connection.QueryFirstAsync<long>(
            $"select id from support.cases where owner = '{Busy}' and status = 'active' order by id limit 1");
        Shared = await connection.QueryFirstAsync<long>(
            """
            select case_id from support.shares join support.cases on id = case_id
            where access = 'edit' and status = 'active' order by id limit 1
            """);
    }

    public async ValueTask DisposeAsync() => await Database.DisposeAsync();
}
