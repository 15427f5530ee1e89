using System.Text.Json.Nodes;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Platform.Audit;

/// <summary><c>GET /api/v1/audit-logs</c>: what happened, newest first, by subject, actor, name and time.</summary>
internal static class ListAuditLogs
{
    public sealed record Response(IReadOnlyList<Entry> Items, long? NextCursor);

    /// <param name="Position">Its place in the chain; null while it has none, for a moment after it happened.</param>
    /// <param name="Payload">Null when it was erased.</param>
    public sealed record Entry(
        long Id, long? Position, DateTime Time, string EventName, string Subject, string Actor, string? OnBehalfOf, string? RequestId, string? Address, JsonObject? Payload);

    private sealed record Row(
        long Id, long? Position, DateTime Time, string EventName, string Subject, string Actor, string? OnBehalfOf, string? RequestId, string? Address, string? Payload);

    private const string Select = "select id, position, time, event_name, subject, actor, on_behalf_of, request_id, address, payload::text from platform.audit_logs where id < @Before";

    /// <summary>
    /// Times become ids, so that a walk from the newest on does not begin today. Ten minutes are between, for the clocks of several
    /// machines, and for a statement that took long, from its time to its id.
    /// </summary>
    private const string From = """
         and time >= @from
         and id > coalesce((select e.id from platform.events e where e.at < @from::timestamptz - interval '10 minutes' order by e.at desc limit 1), 0)
        """;

    private const string To = """
         and time < @to
         and id < coalesce((select e.id from platform.events e where e.at >= @to::timestamptz + interval '10 minutes' order by e.at limit 1), 9223372036854775807)
        """;

    internal static string Sql(bool bySubject, bool byActor, bool byName, bool from, bool to) =>
        Select + (bySubject ? " and subject = @subject" : "") + (byActor ? " and actor = @actor" : "") + (byName ? " and event_name = @name" : "")
        + (from ? From : "") + (to ? To : "") + " order by id desc";

    public static async Task<Results<Ok<Response>, Refusal>> Handle(
        string? subject, string? actor, string? name, string? from, string? to, string? limit, string? cursor, Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        if (Page.Read(limit, cursor, out var page) is { } refusal)
            return refusal;
        foreach (var (filter, value) in new[] { ("subject", subject), ("actor", actor), ("name", name) })
        {
            if (value?.Contains('\0', StringComparison.Ordinal) == true)
                return Refusal.InvalidQuery(filter, "The text has the character U+0000, which nothing here has.");
        }

        if (!QueryTime.TryRead(from, out var first))
            return Refusal.InvalidQuery("from", QueryTime.Sentence);
        if (!QueryTime.TryRead(to, out var end))
            return Refusal.InvalidQuery("to", QueryTime.Sentence);

        var sql = Sql(!string.IsNullOrEmpty(subject), !string.IsNullOrEmpty(actor), !string.IsNullOrEmpty(name), first is not null, end is not null);
        var rows = await database.List<Row>(sql + page.Take, new { page.Before, subject, actor, name, from = first, to = end }, cancel);
        long? next = rows.Count > page.Limit ? rows[page.Limit - 1].Id : null;
        var items = rows.Take(page.Limit).Select(row => new Entry(
            row.Id, row.Position, row.Time, row.EventName, row.Subject, row.Actor, row.OnBehalfOf, row.RequestId, row.Address, row.Payload is null ? null : JsonNode.Parse(row.Payload)!.AsObject())).ToList();
        long[] patients = [.. items.Select(item => item.Payload?["patient_id"]).OfType<JsonValue>().Select(id => id.TryGetValue(out long patient) ? patient : 0).Where(patient => patient > 0).Distinct()];
        var shown = new Shown { Kind = "platform.event", Ids = [.. items.Select(item => item.Id)], PatientIds = patients.Length == 0 ? null : patients };
        return accesses.Add(caller, shown) is { } unrecorded ? unrecorded : TypedResults.Ok(new Response(items, next));
    }
}
