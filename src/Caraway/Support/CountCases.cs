using Caraway.Platform.Telemetry;

namespace Caraway.Support;

/// <summary>The gauges of support cases. They read the counts of <see cref="WhenCaseChanged"/>, not the cases.</summary>
internal static class CountCases
{
    /// <summary><c>caraway_support_cases</c>: the number of cases with each status and severity.</summary>
    public static DatabaseGauge Gauge { get; } = new()
    {
        Name = "caraway.support.cases",
        Description = "Support cases by status and severity.",
        Unit = "{case}",
        Labels = ["status", "severity"],
        Sql = """
            select array[s.status, v.severity] as labels, coalesce(c.cases, 0)::double precision as value
            from unnest(@statuses::text[]) s (status)
            cross join unnest(@severities::text[]) v (severity)
            left join (select word, sum(cases) as cases from support.day_counts where fact = 'state' group by word) c
                on c.word = s.status || ' ' || v.severity
            """,
        Values = new { statuses = CaseWords.Table.Statuses.ToArray(), severities = CaseWords.Severities.ToArray() },
    };

    /// <summary><c>caraway_support_oldest_untouched_age_seconds</c>: 0 when no case is active or investigating.</summary>
    public static DatabaseGauge OldestUntouchedAge { get; } = new()
    {
        Name = "caraway.support.oldest_untouched.age",
        Description = "Time since the last change of the active or investigating support case that was changed longest ago.",
        Unit = "s",
        Labels = [],
        Sql = """
            select '{}'::text[] as labels, coalesce(greatest(extract(epoch from @now - min(updated_at)), 0), 0)::double precision as value
            from support.counted_cases where ended_on is null
            """,
    };
}
