using Caraway.Platform.Events;
using Caraway.Platform.Postgres;

namespace Caraway.Platform.Audit;

/// <summary>Takes an event's payload and salt away for good. Its envelope and digest stay, so the chain holds; an event tells who asked for it.</summary>
internal static class EraseEvent
{
    /// <summary>The event that an erasure raises; its subject is <c>platform.event:ID</c>.</summary>
    public const string Erased = "event.erased";

    private const string Sql = $"""
        with erased as (
            update platform.events set payload = null, salt = null
            where id = @id and payload is not null and name not in ('event.erased', 'access.recorded')
            returning id, name
        )
        {EventSql.InsertWithoutRequest}
        select @now, 'event.erased', 'platform.event:' || id, 'command', json_build_object('event_id', id, 'event_name', name, 'reason', @reason::text)::text
        from erased
        """;

    /// <returns>False when there is no such event, it is erased already, or it is one that the audit itself stands on.</returns>
    public static async Task<bool> Run(long id, string reason, Database database, DateTime now, CancellationToken cancel) =>
        await database.Execute(Sql, new { id, reason, now }, cancel) == 1;
}
