using Caraway.Platform.Telemetry;

namespace Caraway.Platform.Events;

/// <summary>The gauges of <c>/metrics</c> that show how far event handling is behind.</summary>
internal static class EventGauges
{
    public static DatabaseGauge Lag { get; } = new()
    {
        Name = "caraway.events.lag",
        Description = "Events with a position that the handler has not handled yet.",
        Unit = "{event}",
        Labels = ["handler"],
        Sql = """
            select array[c.handler] as labels, (s.position - c.position)::double precision as value
            from platform.event_cursors c, platform.sequencer s
            """,
    };

    public static DatabaseGauge Retries { get; } = new()
    {
        Name = "caraway.events.retries",
        Description = "Events that failed in the handler, and events behind them: waiting for an attempt, or parked after the last one.",
        Unit = "{event}",
        Labels = ["handler", "state"],
        Sql = """
            select array[c.handler, s.state] as labels,
                (select count(*) from platform.event_retries r
                 where r.handler = c.handler and r.parked = (s.state = 'parked'))::double precision as value
            from platform.event_cursors c, (values ('waiting'), ('parked')) s (state)
            """,
    };

    public static DatabaseGauge UnsequencedAge { get; } = new()
    {
        Name = "caraway.events.unsequenced.age",
        Description = "Time since the oldest event without a position. A long transaction anywhere in the cluster delays all events.",
        Unit = "s",
        Labels = [],
        Sql = """
            select '{}'::text[] as labels, coalesce(greatest(extract(epoch from @now - min(e.at)), 0), 0)::double precision as value
            from platform.sequencer s
            left join platform.events e on e.id > s.final_id
                and not exists (select from platform.chain c where c.event_id = e.id and c.event_id > s.final_id)
            """,
    };
}
