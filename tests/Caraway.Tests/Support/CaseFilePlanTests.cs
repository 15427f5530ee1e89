using Caraway.Support;
using Caraway.Support.Files;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Support;

/// <summary>The statements of exports and imports at a million cases. docs/query-plans.md has the figures.</summary>
[Trait("Category", "Long")]
public sealed class CaseFilePlanTests(MillionSupportCases million, ITestOutputHelper output)
    : IClassFixture<MillionSupportCases>, IAsyncLifetime
{
    private const int Chunk = 100;

    /// <summary>A page of an export reads a thousand cases.</summary>
    private const long MostPages = 20_000;

    private static SupportScope All { get; } = new() { Me = ["user:1"], All = true, Owns = true };

    private static SupportScope Mine(params string[] me) => new() { Me = me, All = false, Owns = false };

    private static string Walk(SupportScope scope, CaseFilter.Query? query = null)
    {
        Assert.Null(CaseFilter.Read(query ?? new CaseFilter.Query(), out var filter));
        return CaseWalk.Sql(filter, scope);
    }

    public static TheoryData<string, string, string> Statements => new()
    {
        { "export, all cases, first page", Walk(All), "" },
        { "export, all cases, deep", Walk(All), "deep" },
        { "export, all cases, a word of every case", Walk(All, new CaseFilter.Query { Q = "gateway" }), "deep" },
        { "export, all cases, a word of no case", Walk(All, new CaseFilter.Query { Q = "zebra" }), "deep" },
        { "export, all cases, a common tag and a severity", Walk(All, new CaseFilter.Query { Tag = "tag7", Severity = "medium" }), "deep" },
        { "export, all cases, a status that is rare", Walk(All, new CaseFilter.Query { Status = "archived" }), "" },
        { "export, all cases, a session", Walk(All, new CaseFilter.Query { SessionId = "s7" }), "" },
        { "export, a busy owner", Walk(Mine(MillionSupportCases.Busy)), "deep" },
        { "export, a reader of many shares", Walk(Mine(MillionSupportCases.Reader)), "deep" },
        { "export, two linked actors", Walk(Mine(MillionSupportCases.Busy, MillionSupportCases.Reader)), "deep" },
        { "import, 100 rows, counters of days", DayNumbers.AddSql, "" },
        { "import, 100 rows, lock the counters", DayNumbers.LockSql, "" },
        { "import, 100 rows, counters at the end", DayNumbers.SaveSql, "" },
        { "import, 100 rows, ids that are taken", CaseImport.Taken, "" },
        { "import, 100 rows, write", CaseImport.Insert, "" },
        { "import, begin", ImportTable.StartSql, "" },
        { "import, stage 100 rows", ImportTable.StageSql, "" },
        { "import, queue", ImportTable.QueueSql, "" },
        { "import, find by key", ImportTable.ByKeySql, "" },
        { "import, find the running one", ImportTable.RunningSql, "" },
        { "import, show", ImportTable.FindSql, "" },
        { "import, advance", ImportRun.AdvanceSql, "" },
        { "import, count", ImportRun.CountSql, "" },
        { "import, find the next chunk", ImportJob.LastSql, "" },
        { "import, take 100 staged rows", ImportJob.UnstageSql, "" },
        { "import, fail", ImportTable.FailSql, "" },
    };

    [Theory]
    [MemberData(nameof(Statements))]
    public async Task A_statement_costs_the_same_at_a_million_cases(string name, string sql, string place)
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        var rows = Enumerable.Range(0, Chunk).ToArray();
        string[] Texts(string text) => [.. rows.Select(_ => text)];
        var values = new
        {
            Me = name.Contains("reader", StringComparison.Ordinal) ? new[] { MillionSupportCases.Reader }
                : [MillionSupportCases.Busy, MillionSupportCases.Reader],
            Owns = false, Time = place == "deep" ? now.AddDays(-50) : now.AddDays(-400), Id = -1L, Severity = "medium", Category = "other",
            Tag = "tag7", SessionId = "s7", Marks = Array.Empty<string>(), TextTag = "", OpenedBefore = now, OpenedAfter = now,
            Either = "", Words = "", Prefix = name.Contains("zebra", StringComparison.Ordinal) ? "'zebra':*" : "'gateway':*",
            ids = rows.Select(n => 7L + n).ToArray(), owners = rows.Select(n => "gateway:user" + n % 9).ToArray(),
            created = rows.Select(n => now.AddDays(-(n % 7))).ToArray(), updated = rows.Select(_ => now).ToArray(),
            ended = rows.Select(_ => now).ToArray(), resolved = rows.Select(_ => false).ToArray(), sessions = Texts("s1"),
            titles = Texts("A case"), lasts = rows.Select(_ => 9).ToArray(),
            days = rows.Select(n => DateOnly.FromDateTime(now).AddDays(-n)).ToArray(),
            descriptions = Texts("A text"), statuses = Texts("active"), severities = Texts("low"), categories = Texts("other"),
            metadata = Texts("{}"), tags = Texts("{a}"), places = rows.Select(n => 1_000L + n).ToArray(), contents = Texts("{}"),
            ImportId = 1L, Sender = "user:1", RequestId = "r", Address = "a", Hash = new byte[32], KeyHash = new byte[32],
            keyHash = new byte[32],
            hash = new byte[32], Rows = 100L, rows = 100L, errors = "[]", count = 1L, imported = 1L, id = 50_000L, last = 100L, Begun = 0L,
            Ended = 100L, now,
        };

        await Plans.StaysBounded(million.Database, sql, values, name, output, MostPages);
    }

    public async ValueTask InitializeAsync()
    {
        if (await million.Database.Scalar<long>("select count(*) from support.imports") > 0)
            return;
        await million.Database.Execute("""
            insert into support.imports (sender, hash, key_hash, state, rows, done, created_at, updated_at)
            select 'user:' || n % 1000, sha256(n::text::bytea), case when n % 2 = 0 then sha256(('k' || n)::bytea) end,
                case when n % 1000 = 0 then 'queued' else 'succeeded' end, 100, 0, now(), now()
            from generate_series(1, 100000) n;
            insert into support.import_rows (import_id, place, content)
            select i.id, n, '{}' from support.imports i, generate_series(1, 200) n where i.id % 100 = 0;
            """);
        await million.Database.Execute("analyze support.imports, support.import_rows");
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
