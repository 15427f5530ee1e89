using Caraway.Platform.Telemetry;

namespace Caraway.Advocacy;

/// <summary>The gauge <c>caraway_cases</c>: the number of cases in each status.</summary>
internal static class CountCases
{
    public static DatabaseGauge Gauge { get; } = new()
    {
        Name = "caraway.cases",
        Description = "Advocacy cases by status.",
        Unit = "{case}",
        Labels = ["status"],
        Sql = """
            select array[s.status] as labels, coalesce(c.cases, 0)::double precision as value
            from unnest(@statuses::text[]) s (status)
            left join (select current_status, count(*) as cases from advocacy.cases group by current_status) c
                on c.current_status = s.status
            """,
        Values = new { statuses = CaseWorkflow.Table.Statuses.ToArray() },
    };
}
