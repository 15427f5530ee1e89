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

    private const string Select = "select id, position, time, event_name, subject, actor, on_behalf_of, request_id, address, payload::text from platform.audit_logs";

    private const string AfterFrom = "coalesce((select e.id from platform.events e where e.at < @from::timestamptz - interval '10 minutes' order by e.at desc limit 1), 0)";

    private const string BeforeTo = "least(@Before, (select e.id from platform.events e where e.at >= @to::timestamptz + interval '10 minutes' order by e.at limit 1))";

    /// <summary>
    /// A page is a walk down one index, of ids alone or of one filter with ids, and its bounds and its order are those of that index:
    /// a prepared plan knows no values, and left a choice it may read a table whole. Times become ids, so that the walk does not begin
    /// today. Ten minutes are between, for the clocks of several machines, and for a statement that took long, from its time to its
    /// id. (<c>coalesce</c> tells the planner nothing of how few rows a time leaves, and keeps it from the index on times.)
    /// </summary>
    internal static string Sql(bool bySubject, bool byActor, bool byName, bool from, bool to)
    {
        var (column, value) = bySubject ? ("subject", "@subject") : byActor ? ("actor", "@actor") : byName ? ("event_name", "@name") : (null, null);
        string Row(string id) => value is null ? id : $"({value}, {id})";
        var (row, order) = column is null ? ("id", "id desc") : ($"({column}, id)", $"{column} desc, id desc");
        return Select + $" where {row} < {Row(to ? BeforeTo : "@Before")} and {row} > {Row(from ? AfterFrom : "0")}"
            + (from ? " and coalesce(time >= @from, false)" : "") + (to ? " and coalesce(time < @to, false)" : "")
            + (byActor && column != "actor" ? " and actor = @actor" : "") + (byName && column != "event_name" ? " and event_name = @name" : "")
            + " order by " + order;
    }

    public static async Task<Results<Ok<Response>, Refusal>> Handle(
        string? subject, string? actor, string? name, string? from, string? to, string? limit, string? cursor, PageSizes sizes, Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        if (Page.Read(limit, cursor, sizes, out var page) is { } refusal)
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
        var next = page.Cut(rows, row => row.Id);
        var items = rows.Select(row => new Entry(
            row.Id, row.Position, row.Time, row.EventName, row.Subject, row.Actor, row.OnBehalfOf, row.RequestId, row.Address, row.Payload is null ? null : JsonNode.Parse(row.Payload)!.AsObject())).ToList();
        long[] patients = [.. items.Select(item => item.Payload?["patient_id"]).OfType<JsonValue>().Select(id => id.TryGetValue(out long patient) ? patient : 0).Where(patient => patient > 0).Distinct()];
        var shown = new AccessedRecords { Kind = "platform.event", Ids = [.. items.Select(item => item.Id)], PatientIds = patients.Length == 0 ? null : patients };
        return accesses.Add(caller, shown) is { } unrecorded ? unrecorded : TypedResults.Ok(new Response(items, next));
    }
}
