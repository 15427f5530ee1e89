using Caraway.Platform.Events;
using Caraway.Platform.Postgres;

namespace Caraway.Platform.Audit;

/// <summary>
/// Deletes an event's payload and salt. Its envelope and digest stay, so the chain remains valid. Another event records the erasure.
/// </summary>
internal static class EraseEvent
{
    /// <summary>The name of the event that records an erasure. Its subject is <c>platform.event:ID</c>.</summary>
    public const string Erased = "event.erased";

    private const string Sql = $"""
        with erased as (
            update platform.events set payload = null, salt = null
            where id = @id and payload is not null and name not in ('event.erased', 'access.recorded')
            returning id, name
        )
        {EventSql.InsertWithoutRequest}
        select @now, 'event.erased', 'platform.event:' || id, 'command',
            json_build_object('event_id', id, 'event_name', name, 'reason', @reason::text)::text
        from erased
        """;

    /// <returns>False when the event does not exist, is erased already, or is needed by the audit itself.</returns>
    public static async Task<bool> Run(long id, string reason, Database database, DateTime now, CancellationToken cancel) =>
        await database.Execute(Sql, new { id, reason, now }, cancel) == 1;
}
