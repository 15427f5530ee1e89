using System.Text.Json.Nodes;
using Caraway.Platform.Http;

namespace Caraway.Platform.Events;

/// <summary>An event as timelines show it.</summary>
/// <param name="Actor">Who did it, as docs/events.md lists actors.</param>
/// <param name="Payload">What the event says; null when that was erased.</param>
public sealed record HappenedEvent(long Id, DateTime Time, string EventName, string Subject, string Actor, string? OnBehalfOf, JsonObject? Payload)
{
    /// <summary>A row of SQL; the columns are <see cref="Columns"/>.</summary>
    internal sealed record Row(long Id, DateTime At, string Name, string Subject, string Actor, string? OnBehalfOf, string? Payload)
    {
        public HappenedEvent Shown(string[]? fields = null)
        {
            var payload = Payload is null ? null : JsonNode.Parse(Payload)!.AsObject();
            if (payload is not null && fields is not null)
            {
                foreach (var hidden in payload.Select(field => field.Key).Except(fields, StringComparer.Ordinal).ToList())
                    payload.Remove(hidden);
            }

            // Who sees a part only does not see whom a desk acted for.
            return new HappenedEvent(Id, At, Name, Subject, Actor, fields is null ? OnBehalfOf : null, payload);
        }
    }

    internal const string Columns = "e.id, e.at, e.name, e.subject, e.actor, e.on_behalf_of, e.payload";
}

/// <summary>A page of a timeline, newest first.</summary>
public sealed record Timeline(IReadOnlyList<HappenedEvent> Items, long? NextCursor)
{
    /// <param name="rows">One more than the page takes when there is a next one.</param>
    /// <param name="fields">Which fields of an event's payload are shown; null for all.</param>
    internal static Timeline Create(List<HappenedEvent.Row> rows, Page page, Func<string, string[]?> fields)
    {
        var next = page.Cut(rows, row => row.Id);
        return new Timeline([.. rows.Select(row => row.Shown(fields(row.Name)))], next);
    }
}
