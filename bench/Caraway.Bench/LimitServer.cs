using System.Globalization;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace Caraway.Bench;

/// <summary>
/// The best that this machine can do: Kestrel and Npgsql alone, with statements written by hand that read and write the same rows as those
/// of the product. It has no routing, authentication, validation or telemetry, and expects correct input.
/// </summary>
/// <param name="accesses">Where reads are recorded; null to measure without access records.</param>
internal sealed class LimitServer(NpgsqlDataSource source, LimitAccessLog? accesses)
{
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
        await using var command = new NpgsqlCommand(LimitStatements.OpenCase, connection)
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
        foreach (var sql in new[] { LimitStatements.OneCase, LimitStatements.Transitions, LimitStatements.Notes })
            batch.BatchCommands.Add(new NpgsqlBatchCommand(sql) { Parameters = { Number(id) } });
        await using var reader = await batch.ExecuteReaderAsync();
        using var buffer = new JsonBody();
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
        await using var command = new NpgsqlCommand(LimitStatements.Page, connection)
        {
            Parameters = { Text(query["status"]), Number(long.Parse(query["cursor"]!, CultureInfo.InvariantCulture)) },
        };
        await using var reader = await command.ExecuteReaderAsync();
        using var buffer = new JsonBody();
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
        await using var command = new NpgsqlCommand(LimitStatements.ChangeStatus, connection)
        {
            Parameters = { Number(id), Text(change.Status), Text(change.Actor), Text(change.Reason), Now() },
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
        using var buffer = new JsonBody();
        buffer.Json.WriteStartObject();
        write(buffer.Json);
        buffer.Json.WriteEndObject();
        await buffer.Send(http);
    }

    private static NpgsqlParameter Number(long value) => new NpgsqlParameter<long> { TypedValue = value };

    private static NpgsqlParameter Text(string? value) =>
        value is null
            ? new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Text, Value = DBNull.Value }
            : new NpgsqlParameter<string> { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Text };

    private static NpgsqlParameter Now() => new NpgsqlParameter<DateTime> { TypedValue = TimeProvider.System.GetUtcNow().UtcDateTime };

    private static string? TextOf(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
}
