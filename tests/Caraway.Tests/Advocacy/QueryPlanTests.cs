using System.Globalization;
using System.Text.Json;
using Caraway.Advocacy;
using Caraway.Platform.Http;
using Caraway.Tests.Infrastructure;
using Dapper;

namespace Caraway.Tests.Advocacy;

/// <summary>
/// Every statement of Advocacy at a million cases touches a bounded number of pages and reads no table whole. docs/query-plans.md has the
/// figures.
/// </summary>
[Trait("Category", "Long")]
public sealed class QueryPlanTests(MillionCases million, ITestOutputHelper output) : IClassFixture<MillionCases>
{
    private static string Longest => new Page(new PageSizes().MaxSize, 0).Take;

    private static string Cases(string filters) => ListCases.Select + filters + ListCases.Order + Longest;

    public static TheoryData<string, string, string> Statements => new()
    {
        { "list, first page", Cases(""), "{}" },
        { "list by status", Cases(" and c.current_status = 'NEEDS_INFO'"), """{"status":"NEEDS_INFO"}""" },
        { "list by status, deep", Cases(" and c.current_status = 'CLOSED'"), """{"status":"CLOSED","before":1000}""" },
        { "list by assignee", Cases(" and c.assignee = @assignee"), """{"assignee":"person 7"}""" },
        {
            "list by assignee and a status that the assignee never has",
            Cases(" and c.current_status = 'NEEDS_INFO' and c.assignee = @assignee"),
            """{"assignee":"person 7","status":"NEEDS_INFO"}"""
        },
        { "case with applicant, status events and notes", GetCase.Select, "{}" },
        { "documents", ListDocuments.Select.Split(';')[1], "{}" },
        { "open a case", SubmitIntake.Insert, "{}" },
        { "open a case whose reference is taken", SubmitIntake.InsertOnce, """{"reference":"ref-500000"}""" },
        { "find a reference", SubmitIntake.FindReference, """{"reference":"ref-500000"}""" },
        { "change a case's status", UpdateCase.Update, """{"status":"CLOSED"}""" },
        { "assign a case to a user", UpdateCase.UpdateWithUser, """{"status":"CLOSED","user":"500"}""" },
        { "correct an applicant", CorrectApplicant.Update, "{}" },
        { "link a case to a patient", LinkPatient.Update, """{"user":"501"}""" },
        { "end a case's link to a patient", UnlinkPatient.Update, "{}" },
        { "add a note", AddNote.Insert, "{}" },
        { "add a document", AddDocument.Insert, "{}" },
        { "process a document again", RequestProcessing.Queue, "{}" },
    };

    [Theory]
    [MemberData(nameof(Statements))]
    public async Task A_statement_costs_the_same_at_a_million_cases(string name, string sql, string given)
    {
        var values = JsonDocument.Parse(given).RootElement;
        string? Text(string key) => values.TryGetProperty(key, out var value) ? value.ToString() : null;
        long? Number(string key) => Text(key) is { } text ? long.Parse(text, CultureInfo.InvariantCulture) : null;
        await Plans.StaysBounded(
            million.Database,
            sql,
            new
            {
                Before = Number("before") ?? long.MaxValue,
                status = Text("status"), assignee = Text("assignee"), Value = 500_000L, id = 500_000L,
                FullName = "Ada", email = (string?)null, Phone = (string?)null, Narrative = "x",
                ExternalReference = Text("reference"), PatientId = Number("user"), AssigneeId = Number("user"), initial = "NEW",
                now = TimeProvider.System.GetUtcNow().UtcDateTime, caller = "test", RequestId = "r", Address = "a",
                author = "a", Body = "b", Filename = "f.pdf", ContentType = (string?)null, Uri = (string?)null,
                onBehalfOf = (string?)null, actor = "test", Reason = (string?)null,
                Status = Text("status"), Assignee = Text("assignee"), versions = (long[]?)null, sources = CaseWorkflow.Table.Into("CLOSED"),
            },
            name,
            output);
    }
}

/// <summary>
/// A hundred thousand users, and a million cases with three million status events, a million notes and a million documents.
/// </summary>
public sealed class MillionCases(PostgresServer postgres) : IAsyncLifetime
{
    public TestDatabase Database { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = await postgres.Create();
        await using var connection = await Database.Source.OpenConnectionAsync();
        await connection.ExecuteAsync(
            """
            insert into identity.users (email, email_key, full_name, password_hash, role, created_at, updated_at)
            select n || '@example.org', n || '@example.org', 'User ' || n, 'x', case when n % 2 = 0 then 'doctor' else 'patient' end,
                now(), now()
            from generate_series(1, 100000) n;
            insert into advocacy.applicants (full_name, created_at) select 'Applicant ' || n, now() from generate_series(1, 1000000) n;
            insert into advocacy.cases (
                applicant_id, patient_id, narrative, external_reference, current_status, assignee, created_at, updated_at)
            select n, case when n % 4 = 0 then 1 + n % 100000 end, repeat('The plan denied it. ', 10), 'ref-' || n,
                case when n % 1000 = 0 then 'NEEDS_INFO' when n % 3 = 0 then 'CLOSED' when n % 3 = 1 then 'NEW' else 'IN_REVIEW' end,
                case when n % 2 = 0 then 'person ' || n % 199 end, now(), now()
            from generate_series(1, 1000000) n;
            update advocacy.cases set current_status = 'NEW' where assignee = 'person 7' and current_status = 'NEEDS_INFO';
            insert into advocacy.status_events (case_id, from_status, to_status, actor, created_at)
            select n, null, 'NEW', 'x', now() from generate_series(1, 1000000) n, generate_series(1, 3);
            insert into advocacy.notes (case_id, author, body, created_at) select n, 'x', 'A note.', now() from generate_series(1,
              1000000) n;
            insert into advocacy.documents (case_id, filename, status, created_at, updated_at) select n, 'f.pdf', 'UPLOADED', now(), now()
              from generate_series(1, 1000000) n;
            analyze
            """,
            commandTimeout: 600);
        await connection.ExecuteAsync("vacuum advocacy.cases", commandTimeout: 600);
    }

    public ValueTask DisposeAsync() => Database.DisposeAsync();
}
