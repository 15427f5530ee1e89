using System.Globalization;
using System.Text.Json;
using Npgsql;

namespace Caraway.Bench;

/// <summary>
/// What this machine can do at best: bare Kestrel and bare Npgsql, statements written by hand that read and write the same rows as the
/// product's. No routing, no authentication, no validation, no telemetry; bad input is none of its business.
/// </summary>
/// <param name="accesses">Where reads are recorded; null to leave that out, for what it costs.</param>
internal sealed class LimitServer(NpgsqlDataSource source, LimitAccessLog? accesses)
{
    private const string Opened = """
        with opened as (
            insert into advocacy.cases (applicant_id, narrative, current_status, created_at, updated_at)
            values (nextval('advocacy.applicants_id_seq'), $4, 'NEW', $5, $5)
            returning id, applicant_id
        ), applicant as (
            insert into advocacy.applicants (id, full_name, email, phone, created_at) overriding system value
            select applicant_id, $1, $2, $3, $5 from opened
        ), moved as (
            insert into advocacy.status_events (case_id, to_status, actor, reason, created_at)
            select id, 'NEW', 'system', 'case created from intake', $5 from opened
        ), logged as (
            insert into platform.events (at, name, subject, actor, request_id, address, payload)
            select $5, 'case.opened', 'advocacy.case:' || id, 'limit', 'limit', 'limit', json_build_object('case_id', id, 'applicant_id', applicant_id)::text
            from opened
        )
        select id from opened
        """;

    private const string OneCase = """
        select c.id, c.narrative, c.current_status, c.assignee, c.created_at, c.updated_at, a.id, a.full_name, a.email, a.phone, a.created_at
        from advocacy.cases c join advocacy.applicants a on a.id = c.applicant_id where c.id = $1
        """;

    private const string Moves = "select id, case_id, from_status, to_status, actor, reason, created_at from advocacy.status_events where case_id = $1 order by id desc";

    private const string Notes = "select id, case_id, author, body, created_at from advocacy.notes where case_id = $1 order by id desc";

    private const string Page = """
        select c.id, a.full_name, c.current_status, c.assignee, c.created_at
        from advocacy.cases c join advocacy.applicants a on a.id = c.applicant_id
        where c.current_status = $1 and c.id < $2 order by c.id desc limit 21
        """;

    private const string Move = """
        with found as (
            select id, current_status, version from advocacy.cases where id = $1 for no key update
        ), changed as (
            update advocacy.cases c set current_status = $2, version = f.version + 1, updated_at = $5 from found f where c.id = f.id
            returning c.id, f.current_status as was, c.assignee
        ), moved as (
            insert into advocacy.status_events (case_id, from_status, to_status, actor, reason, created_at) select id, was, $2, $3, $4, $5 from changed
        ), logged as (
            insert into platform.events (at, name, subject, actor, on_behalf_of, request_id, address, payload)
            select $5, 'case.moved', 'advocacy.case:' || id, 'limit', $3, 'limit', 'limit',
                json_build_object('case_id', id, 'from_status', was, 'to_status', $2, 'reason', $4)::text
            from changed
        )
        select was, assignee from changed
        """;

    internal sealed record Intake(string FullName, string? Email, string? Phone, string Narrative);

    internal sealed record Change(string Status, string? Actor, string? Reason);

    public static async Task Run(string database, int port, bool recordsReads, CancellationToken cancel)
    {
        await using var source = NpgsqlDataSource.Create(database);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.ListenLocalhost(port));
        await using var app = builder.Build();
        var accesses = recordsReads ? new LimitAccessLog(source) : null;
        app.Run(new LimitServer(source, accesses).Answer);
        if (accesses is null)
            await app.RunAsync(cancel);
        else
            await await Task.WhenAny(app.RunAsync(cancel), accesses.Run(cancel));
    }

    private Task Answer(HttpContext http)
    {
        var path = http.Request.Path.Value!;
        if (HttpMethods.IsPost(http.Request.Method))
            return Open(http);
        if (path.Length <= "/cases/".Length)
            return List(http);
        var id = long.Parse(path.AsSpan("/cases/".Length), CultureInfo.InvariantCulture);
        return HttpMethods.IsPatch(http.Request.Method) ? Patch(http, id) : Get(http, id);
    }

    private async Task Open(HttpContext http)
    {
        var intake = (await JsonSerializer.DeserializeAsync(http.Request.Body, BenchJson.Default.Intake))!;
        await using var connection = await source.OpenConnectionAsync();
        await using var command = new NpgsqlCommand(Opened, connection)
        {
            Parameters = { Text(intake.FullName), Text(intake.Email), Text(intake.Phone), Text(intake.Narrative), Now() },
        };
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        var id = reader.GetInt64(0);
        http.Response.StatusCode = StatusCodes.Status201Created;
        await Write(http, json =>
        {
            json.WriteNumber("case_id", id);
            json.WriteString("status", "NEW");
        });
    }

    private async Task Get(HttpContext http, long id)
    {
        await using var connection = await source.OpenConnectionAsync();
        await using var batch = new NpgsqlBatch(connection);
        foreach (var sql in new[] { OneCase, Moves, Notes })
            batch.BatchCommands.Add(new NpgsqlBatchCommand(sql) { Parameters = { new NpgsqlParameter<long> { TypedValue = id } } });
        await using var reader = await batch.ExecuteReaderAsync();
        using var buffer = new PooledBody();
        await reader.ReadAsync();
        var json = buffer.Json;
        json.WriteStartObject();
        json.WriteNumber("id", reader.GetInt64(0));
        json.WriteString("narrative", reader.GetString(1));
        json.WriteString("current_status", reader.GetString(2));
        json.WriteString("assignee", TextOf(reader, 3));
        json.WriteString("created_at", reader.GetDateTime(4));
        json.WriteString("updated_at", reader.GetDateTime(5));
        json.WriteStartObject("applicant");
        json.WriteNumber("id", reader.GetInt64(6));
        json.WriteString("full_name", reader.GetString(7));
        json.WriteString("email", TextOf(reader, 8));
        json.WriteString("phone", TextOf(reader, 9));
        json.WriteString("created_at", reader.GetDateTime(10));
        json.WriteEndObject();
        json.WriteStartArray("status_events");
        await reader.NextResultAsync();
        while (await reader.ReadAsync())
        {
            json.WriteStartObject();
            json.WriteNumber("id", reader.GetInt64(0));
            json.WriteNumber("case_id", reader.GetInt64(1));
            json.WriteString("from_status", TextOf(reader, 2));
            json.WriteString("to_status", reader.GetString(3));
            json.WriteString("actor", reader.GetString(4));
            json.WriteString("reason", TextOf(reader, 5));
            json.WriteString("created_at", reader.GetDateTime(6));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("notes");
        await reader.NextResultAsync();
        while (await reader.ReadAsync())
        {
            json.WriteStartObject();
            json.WriteNumber("note_id", reader.GetInt64(0));
            json.WriteNumber("case_id", reader.GetInt64(1));
            json.WriteString("author", reader.GetString(2));
            json.WriteString("body", reader.GetString(3));
            json.WriteString("created_at", reader.GetDateTime(4));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        accesses?.Add("GET /cases/{id}", id);
        await buffer.Send(http);
    }

    private async Task List(HttpContext http)
    {
        var query = http.Request.Query;
        await using var connection = await source.OpenConnectionAsync();
        await using var command = new NpgsqlCommand(Page, connection)
        {
            Parameters = { Text(query["status"]), new NpgsqlParameter<long> { TypedValue = long.Parse(query["cursor"]!, CultureInfo.InvariantCulture) } },
        };
        await using var reader = await command.ExecuteReaderAsync();
        using var buffer = new PooledBody();
        var json = buffer.Json;
        json.WriteStartObject();
        json.WriteStartArray("items");
        var shown = new List<long>(20);
        while (await reader.ReadAsync() && shown.Count < 20)
        {
            json.WriteStartObject();
            shown.Add(reader.GetInt64(0));
            json.WriteNumber("case_id", shown[^1]);
            json.WriteString("applicant_name", reader.GetString(1));
            json.WriteString("current_status", reader.GetString(2));
            json.WriteString("assignee", TextOf(reader, 3));
            json.WriteString("created_at", reader.GetDateTime(4));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("next_cursor", shown is [.., var last] ? last : 0);
        json.WriteEndObject();
        accesses?.Add("GET /cases", [.. shown]);
        await buffer.Send(http);
    }

    private async Task Patch(HttpContext http, long id)
    {
        var change = (await JsonSerializer.DeserializeAsync(http.Request.Body, BenchJson.Default.Change))!;
        await using var connection = await source.OpenConnectionAsync();
        await using var command = new NpgsqlCommand(Move, connection)
        {
            Parameters = { new NpgsqlParameter<long> { TypedValue = id }, Text(change.Status), Text(change.Actor), Text(change.Reason), Now() },
        };
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        var (was, assignee) = (reader.GetString(0), TextOf(reader, 1));
        await Write(http, json =>
        {
            json.WriteNumber("case_id", id);
            json.WriteString("previous_status", was);
            json.WriteString("status", change.Status);
            json.WriteString("assignee", assignee);
        });
    }

    private static async Task Write(HttpContext http, Action<Utf8JsonWriter> write)
    {
        using var buffer = new PooledBody();
        buffer.Json.WriteStartObject();
        write(buffer.Json);
        buffer.Json.WriteEndObject();
        await buffer.Send(http);
    }

    private static NpgsqlParameter Text(string? value) =>
        value is null ? new NpgsqlParameter { NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text, Value = DBNull.Value } : new NpgsqlParameter<string> { TypedValue = value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text };

    private static NpgsqlParameter Now() => new NpgsqlParameter<DateTime> { TypedValue = TimeProvider.System.GetUtcNow().UtcDateTime };

    private static string? TextOf(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    private sealed class PooledBody : IDisposable
    {
        private readonly System.Buffers.ArrayBufferWriter<byte> bytes = new(2048);

        public PooledBody() => Json = new Utf8JsonWriter(bytes);

        public Utf8JsonWriter Json { get; }

        public async Task Send(HttpContext http)
        {
            await Json.FlushAsync();
            http.Response.ContentType = "application/json";
            http.Response.ContentLength = bytes.WrittenCount;
            await http.Response.Body.WriteAsync(bytes.WrittenMemory);
        }

        public void Dispose() => Json.Dispose();
    }
}
