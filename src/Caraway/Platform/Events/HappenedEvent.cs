using System.Text.Json.Nodes;
using Caraway.Platform.Http;

namespace Caraway.Platform.Events;

/// <summary>An event in a timeline.</summary>
/// <param name="Actor">A user, a key or a part of the program; docs/events.md lists the forms.</param>
/// <param name="Payload">Null after an erasure.</param>
public sealed record HappenedEvent(
    long Id, DateTime Time, string EventName, string Subject, string Actor, string? OnBehalfOf, JsonObject? Payload)
{
    /// <summary>A row with the columns <see cref="Columns"/>.</summary>
    internal sealed record Row(long Id, DateTime At, string Name, string Subject, string Actor, string? OnBehalfOf, string? Payload)
    {
        /// <param name="fields">The fields of the payload that the reader may see; null for all.</param>
        public HappenedEvent ToEvent(string[]? fields = null)
        {
            var payload = Payload is null ? null : JsonNode.Parse(Payload)!.AsObject();
            if (payload is not null && fields is not null)
            {
                foreach (var hidden in payload.Select(field => field.Key).Except(fields, StringComparer.Ordinal).ToList())
                    payload.Remove(hidden);
            }

            // A reader who may see only a part does not see on whose behalf a desk acted.
            return new HappenedEvent(Id, At, Name, Subject, Actor, fields is null ? OnBehalfOf : null, payload);
        }
    }

    /// <summary>Of an event <c>e</c>.</summary>
    internal const string Columns = "e.id, e.at, e.name, e.subject, e.actor, e.on_behalf_of, e.payload";
}

/// <summary>A page of a timeline, newest first.</summary>
public sealed record Timeline(IReadOnlyList<HappenedEvent> Items, long? NextCursor)
{
    /// <param name="rows">One row more than the page holds when another page follows.</param>
    /// <param name="fields">Returns the payload's fields that the reader may see, for an event's name; null for all.</param>
    internal static Timeline Create(List<HappenedEvent.Row> rows, Page page, Func<string, string[]?> fields)
    {
        var next = page.Cut(rows, row => row.Id);
        return new Timeline([.. rows.Select(row => row.ToEvent(fields(row.Name)))], next);
    }
}
