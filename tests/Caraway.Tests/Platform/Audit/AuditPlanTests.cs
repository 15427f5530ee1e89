using Caraway.Advocacy;
using Caraway.Identity;
using Caraway.Identity.Users;
using Caraway.Patients;
using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Tests.Infrastructure;
using Dapper;

namespace Caraway.Tests.Platform.Audit;

/// <summary>The statements of the audit at a million events, accesses and timeline entries. docs/query-plans.md has the figures.</summary>
[Trait("Category", "Long")]
public sealed class AuditPlanTests(MillionEvents million, ITestOutputHelper output) : IClassFixture<MillionEvents>
{
    private static string Longest => new Page(new PageSizes().MaxSize, 0).Take;

    public static TheoryData<string, string> Statements => new()
    {
        { "audit, a page", ListAuditLogs.Sql(false, false, false, false, false) + Longest },
        { "audit by subject", ListAuditLogs.Sql(true, false, false, false, false) + Longest },
        { "audit by actor", ListAuditLogs.Sql(false, true, false, false, false) + Longest },
        { "audit by name", ListAuditLogs.Sql(false, false, true, false, false) + Longest },
        { "audit by a day", ListAuditLogs.Sql(false, false, false, true, true) + Longest },
        { "audit from", ListAuditLogs.Sql(false, false, false, true, false) + Longest },
        { "audit to", ListAuditLogs.Sql(false, false, false, false, true) + Longest },
        { "audit by subject and a day", ListAuditLogs.Sql(true, false, false, true, true) + Longest },
        { "audit by actor and a day", ListAuditLogs.Sql(false, true, false, true, true) + Longest },
        { "audit by name and a day", ListAuditLogs.Sql(false, false, true, true, true) + Longest },
        { "audit by a name that is no more, and a day", ListAuditLogs.Sql(false, false, true, true, true) + Longest },
        { "audit by all", ListAuditLogs.Sql(true, true, true, true, true) + Longest },
        { "case timeline", GetCaseTimeline.Select + Longest },
        { "case access log", GetCaseAccessLog.Select + Longest },
        { "patient timeline", GetPatientTimeline.Select + Longest },
        { "patient timelines, a case gets another patient", PatientTimelines.Relink },
        { "patient access log", GetPatientAccessLog.Select + Longest },
        { "sequencer, nothing waits", SequencerTable.WaitingSql + " limit 500" },
        { "sequencer, 500 wait", SequencerTable.WaitingSql + " limit 500" },
        { "dispatcher, 250 events", EventCursors.ReadSql(250) },
        { "dispatcher, a batch of names that are not there", EventCursors.ReadSql(250) },
    };

    [Theory]
    [MemberData(nameof(Statements))]
    public async Task A_statement_costs_the_same_at_a_million(string name, string sql)
    {
        var from = MillionEvents.Start.AddSeconds(500_000);
        var isBusy = name.Contains("never", StringComparison.Ordinal);
        await Plans.StaysBounded(
            million.Database,
            sql,
            new
            {
                Before = long.MaxValue, subject = "advocacy.case:150000", actor = isBusy ? "apikey:1" : "user:77",
                name = name.Contains("no more", StringComparison.Ordinal) ? "case.reopened" : "case.moved",
                from, to = from.AddDays(1), id = 150_000L,
                names = name.Contains("not", StringComparison.Ordinal)
                    ? new[] { "nothing.such" }
                    : ["case.opened", "case.moved", "case.note_added"],
                ids = new[] { 2_000_000L }, subjects = new[] { "advocacy.case:150000" }, patients = new long?[] { 7 },
                finalId = name == "sequencer, 500 wait" ? 1_000_000L : await million.Last(), cursor = 500_000L,
            }.With(name),
            name,
            output);
    }

    /// <summary>
    /// A record that is read often costs its batches. A batch that was written under full load is read whole, even for one record.
    /// </summary>
    [Theory]
    [InlineData("case access log, 20,000 looks", 299_999, 2_000)]
    [InlineData("case access log, once in each of 100 full batches", 299_998, 15_000)]
    public async Task An_access_log_costs_the_batches_of_its_record(string name, long id, long mostPages) =>
        await Plans.StaysBounded(
            million.Database, GetCaseAccessLog.Select + Longest, new { Before = long.MaxValue, id }, name, output, mostPages);
}

/// <summary>The parameters, as the product types them.</summary>
internal static class PlanValues
{
    public static object With<T>(this T values, string name)
        where T : class => name.StartsWith("dispatcher", StringComparison.Ordinal)
            ? new { cursor = 500_000L, to = 500_250L, names = (string[])typeof(T).GetProperty("names")!.GetValue(values)! }
            : values;
}

/// <summary>
/// A million events in the chain, one each second, by a thousand actors on 300,000 cases, of which case 150,000 has three. The API key 1
/// made a tenth of them, all notes. Only the oldest thousand are case.reopened. A thousand more events wait. A million accesses of 1 to 20
/// cases each, a hundred to a batch, every fiftieth with case 299,999; each batch also has user 150,000. A hundred more batches of 2,000
/// accesses, each with case 299,998 once. A million timeline entries, 500 of them of patient 150,000.
/// </summary>
public sealed class MillionEvents(PostgresServer postgres) : IAsyncLifetime
{
    public static readonly DateTime Start = new(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    public TestDatabase Database { get; private set; } = null!;

    public Task<long> Last() => Database.Scalar<long>("select max(id) from platform.events");

    public async ValueTask InitializeAsync()
    {
        Database = await postgres.Create();
        await using var connection = await Database.Source.OpenConnectionAsync();
        await connection.ExecuteAsync(
            """
            insert into identity.users (email, email_key, full_name, password_hash, role, created_at, updated_at)
            select n || '@example.org', n || '@example.org', 'User ' || n, 'x', 'patient', now(), now() from generate_series(1, 300000) n;
            insert into platform.events (at, name, subject, actor, request_id, address, payload)
            select '2025-01-01 00:00+00'::timestamptz + n * interval '1 second',
                case when n <= 1000 then 'case.reopened' when n % 10 = 0 then 'case.note_added' when n % 3 = 0 then 'case.moved'
                    when n % 3 = 1 then 'case.opened' else 'access.recorded' end,
                'advocacy.case:' || 1 + n % 300000,
                case when n > 1000 and n % 10 = 0 then 'apikey:1' else 'user:' || n % 997 end, 'r' || n, '10.0.0.1',
                json_build_object('case_id', 1 + n % 300000, 'note_id', n)::text
            from generate_series(1, 1001000) n;
            insert into platform.chain (position, event_id, hash) select id, id, '\x00' from platform.events where id <= 1000000;
            update platform.sequencer set position = 1000000, final_id = 1000000;
            insert into advocacy.applicants (full_name, created_at) select 'Applicant ' || n, now() from generate_series(1, 1) n;
            insert into advocacy.cases (applicant_id, narrative, current_status, created_at, updated_at)
            select 1, 'x', 'NEW', now(), now() from generate_series(1, 300000) n;
            insert into advocacy.notes (case_id, author, body, created_at)
            select n, 'x', 'A note.', now() from generate_series(1, 300000) n;
            insert into platform.access_log (id, at, actor, request_id, address, action, reason, kind, ids, patient_ids)
            select (n / 100) * 65536 + n % 100 + 1, now(),
                case when n % 3 = 0 then 'apikey:environment' else 'user:' || 1 + n % 200 end, 'r' || n, '10.0.0.1', 'GET /cases', null,
                case when n % 100 = 7 then 'identity.user' else 'advocacy.case' end,
                case when n % 100 = 7 then array[150000]
                    else array(select 1 + (n * 7919::bigint + k * 104729) % 290000 from generate_series(1, 1 + n % 20) k)
                        || case when n % 50 = 0 then array[299999::bigint] end end,
                case when n % 2 = 0 then array[(n * 7919::bigint) % 300000] end
            from generate_series(1, 1000000) n;
            insert into platform.access_log (id, at, actor, request_id, address, action, reason, kind, ids)
            select (20000 + n / 2000) * 65536 + n % 2000 + 1, now(), 'user:' || 1 + n % 200, 'r' || n, '10.0.0.1', 'GET /cases', null,
                'advocacy.case', array(select 290000 + (n * 7919::bigint + k) % 9000 from generate_series(1, 20) k)
                    || case when n % 2000 = 11 then array[299998::bigint] end
            from generate_series(0, 199999) n;
            insert into platform.access_batches (batch, kind, ids, patient_ids)
            select a.id >> 16, a.kind, array_agg(distinct i), '{}' from platform.access_log a, unnest(a.ids) i group by 1, 2;
            update platform.access_batches b set patient_ids = p.ids
            from (
                select a.id >> 16 as batch, a.kind, array_agg(distinct i) as ids
                from platform.access_log a, unnest(a.patient_ids) i group by 1, 2) p
            where p.batch = b.batch and p.kind = b.kind;
            insert into patients.subjects (subject, patient_id) select 'advocacy.case:' || n, n from generate_series(1, 300000) n;
            insert into patients.timeline (patient_id, event_id) select 1 + n % 300000, n from generate_series(1, 1000000) n;
            insert into patients.timeline (patient_id, event_id)
            select 150000, n * 1999 from generate_series(1, 500) n on conflict do nothing;
            """,
            commandTimeout: 900);
        await connection.ExecuteAsync("vacuum (analyze)", commandTimeout: 900);
    }

    public ValueTask DisposeAsync() => Database.DisposeAsync();
}
