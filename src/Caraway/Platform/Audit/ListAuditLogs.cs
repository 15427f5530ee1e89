using System.Text.Json.Nodes;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Platform.Audit;

/// <summary><c>GET /api/v1/audit-logs</c>: events, newest first, by subject, actor, name and time.</summary>
internal static class ListAuditLogs
{
    public sealed record Response(IReadOnlyList<Entry> Items, long? NextCursor);

    /// <param name="Position">Place in the chain; null for a moment after the event, until the sequencer has given the position.</param>
    /// <param name="Payload">Null after an erasure.</param>
    public sealed record Entry(
        long Id, long? Position, DateTime Time, string EventName, string Subject, string Actor, string? OnBehalfOf, string? RequestId,
        string? Address, JsonObject? Payload);

    private sealed record Row(
        long Id, long? Position, DateTime Time, string EventName, string Subject, string Actor, string? OnBehalfOf, string? RequestId,
        string? Address, string? Payload)
    {
        public Entry ToEntry() => new(
            Id, Position, Time, EventName, Subject, Actor, OnBehalfOf, RequestId, Address,
            Payload is null ? null : JsonNode.Parse(Payload)!.AsObject());
    }

    private const string Select = """
        select id, position, time, event_name, subject, actor, on_behalf_of, request_id, address, payload::text
        from platform.audit_logs
        """;

    private const string AfterFrom = """
        coalesce((
            select e.id from platform.events e where e.at < @from::timestamptz - interval '10 minutes' order by e.at desc limit 1), 0)
        """;

    private const string BeforeTo = """
        least(@Before, (
            select e.id from platform.events e where e.at >= @to::timestamptz + interval '10 minutes' order by e.at limit 1))
        """;

    /// <summary>
    /// Reads a page as a walk down one index: of ids alone, or of one filter with ids. Bounds and order are those of that index, because a
    /// prepared plan does not know the values and might read the whole table. A time becomes an id, so that the walk starts near it. Ten
    /// minutes are added for differences between the machines' clocks, and for statements that took long between their time and their id.
    /// <c>coalesce</c> hides from the planner how few rows a time leaves, which would make it choose the index on times.
    /// </summary>
    internal static string Sql(bool bySubject, bool byActor, bool byName, bool from, bool to)
    {
        var (column, value) = bySubject ? ("subject", "@subject")
            : byActor ? ("actor", "@actor")
            : byName ? ("event_name", "@name")
            : (null, null);
        string Row(string id) => value is null ? id : $"({value}, {id})";
        var (row, order) = column is null ? ("id", "id desc") : ($"({column}, id)", $"{column} desc, id desc");
        return Select + $" where {row} < {Row(to ? BeforeTo : "@Before")} and {row} > {Row(from ? AfterFrom : "0")}"
            + (from ? " and coalesce(time >= @from, false)" : "")
            + (to ? " and coalesce(time < @to, false)" : "")
            + (byActor && column != "actor" ? " and actor = @actor" : "")
            + (byName && column != "event_name" ? " and event_name = @name" : "")
            + " order by " + order;
    }

    public static async Task<Results<Ok<Response>, Refusal>> Handle(
        string? subject, string? actor, string? name, string? from, string? to, string? limit, string? cursor, PageSizes sizes,
        Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        if (Page.Read(limit, cursor, sizes, out var page) is { } refusal)
            return refusal;
        foreach (var (filter, value) in new[] { ("subject", subject), ("actor", actor), ("name", name) })
        {
            if (value?.Contains('\0', StringComparison.Ordinal) == true)
                return Refusal.InvalidQuery(filter, "The text contains the character U+0000, which no event contains.");
        }

        if (!QueryTime.TryRead(from, out var first))
            return Refusal.InvalidQuery("from", QueryTime.Sentence);
        if (!QueryTime.TryRead(to, out var end))
            return Refusal.InvalidQuery("to", QueryTime.Sentence);

        var sql = Sql(
            bySubject: !string.IsNullOrEmpty(subject), byActor: !string.IsNullOrEmpty(actor), byName: !string.IsNullOrEmpty(name),
            from: first is not null, to: end is not null);
        var rows = await database.List<Row>(sql + page.Take, new { page.Before, subject, actor, name, from = first, to = end }, cancel);
        var next = page.Cut(rows, row => row.Id);
        var items = rows.ConvertAll(row => row.ToEntry());
        var accessed = new AccessedRecords
        {
            Kind = "platform.event", Ids = [.. items.Select(item => item.Id)], PatientIds = FindPatients(items),
        };
        return accesses.Add(caller, accessed) is { } unrecorded ? unrecorded : TypedResults.Ok(new Response(items, next));
    }

    private static long[]? FindPatients(List<Entry> items)
    {
        var patients = new HashSet<long>();
        foreach (var item in items)
        {
            if (item.Payload?["patient_id"] is JsonValue id && id.TryGetValue(out long patient) && patient > 0)
                patients.Add(patient);
        }

        return patients.Count == 0 ? null : [.. patients];
    }
}
