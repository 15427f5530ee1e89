using Caraway.Identity.Contracts;
using Caraway.Platform.Analytics;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Support;

/// <summary>
/// <c>GET /api/v1/cases/analytics</c>: figures about the cases that the caller sees. For a caller who sees all cases they come from the
/// counts that <see cref="WhenCaseChanged"/> keeps; for others from their own and shared cases. Both include every change that was
/// committed before the request.
/// </summary>
internal static class AnalyzeCases
{
    /// <param name="Total">The cases that were created in the range.</param>
    /// <param name="ByStatus">The cases that were created in the range, by their present status.</param>
    /// <param name="BySeverity">The same by severity.</param>
    /// <param name="ByCategory">The same by category.</param>
    /// <param name="ResolutionSeconds">From the creation to <c>resolved_at</c>, of the cases that were resolved in the range.</param>
    /// <param name="CompleteTo">Null when every change before the request is counted; else the time up to which changes are.</param>
    public sealed record Response(
        DateOnly From, DateOnly To, long Total, IReadOnlyDictionary<string, long> ByStatus, IReadOnlyDictionary<string, long> BySeverity,
        IReadOnlyDictionary<string, long> ByCategory, IReadOnlyList<DayCount> ByDay, Durations ResolutionSeconds, DateTime? CompleteTo);

    internal static readonly string SelectAll = $"""
        with {Percentiles.Select("support.resolution_counts", "support.counted_cases", "resolved_on")}
        select fact, word, day - @from as day, cases::bigint as value from support.day_counts
        where fact in ('opened', 'ended') and day between @from and @to
        union all
        select 'before', null, null, sum(case fact when 'opened' then cases else -cases end)::bigint
        from support.day_counts where fact in ('opened', 'ended') and day < @from having count(*) > 0
        union all
        select w.fact, w.word, null, sum(c.cases)::bigint
        from (
            select word, sum(cases)::bigint as cases from support.day_counts
            where fact = 'state' and day between @from and @to group by word
        ) c
        cross join lateral (values ('status', split_part(c.word, ' ', 1)), ('severity', split_part(c.word, ' ', 2))) w (fact, word)
        group by w.fact, w.word
        union all
        select fact, word, null, sum(cases)::bigint from support.day_counts
        where fact = 'category' and day between @from and @to group by fact, word
        union all
        select 'took', word, null, value::bigint from figures
        """;

    /// <summary>Reads the caller's own and shared cases by the index over their readers.</summary>
    internal const string SelectMine = """
        with mine as materialized (
            select opened_on, status, severity, category, ended_on, resolved_on, took from support.case_facts where readers && @Me
        )
        select 'opened' as fact, null as word, opened_on - @from as day, count(*) as value
        from mine where opened_on between @from and @to group by opened_on
        union all
        select 'ended', null, ended_on - @from, count(*) from mine where ended_on between @from and @to group by ended_on
        union all
        select 'before', null, null, count(*) filter (where opened_on < @from) - count(*) filter (where ended_on < @from) from mine
        union all
        select w.fact, w.word, null, sum(c.cases)::bigint
        from (
            select status, severity, category, count(*) as cases
            from mine where opened_on between @from and @to group by status, severity, category
        ) c
        cross join lateral (values ('status', c.status), ('severity', c.severity), ('category', c.category)) w (fact, word)
        group by w.fact, w.word
        union all
        select 'took', f.word, null, f.value
        from (
            select count(*) as cases, percentile_cont(array[0.5, 0.9]) within group (order by took) as at
            from mine where took is not null and resolved_on between @from and @to
        ) t
        cross join lateral (
            values ('count', t.cases), ('median', round(t.at[1])::bigint), ('p90', round(t.at[2])::bigint)
        ) f (word, value)
        where f.value is not null
        """;

    public static async Task<Results<Ok<Response>, Refusal>> Handle(
        string? from, string? to, Caller caller, LinkedActors linked, Database database, TimeProvider time, CancellationToken cancel)
    {
        if (DayRange.Read(from, to, time.GetUtcNow().UtcDateTime, out var range) is { } refusal)
            return refusal;
        var scope = await SupportScope.Of(caller, linked, cancel);
        var completeTo = scope.All
            ? await CatchUp.Wait(WhenCaseChanged.Handler, WhenCaseChanged.Counted, database, time, cancel)
            : null;
        var rows = scope.All
            ? await database.List<Tally.Row>(SelectAll, new { from = range.From, to = range.To }, cancel)
            : await database.List<Tally.Row>(SelectMine, new { scope.Me, from = range.From, to = range.To }, cancel);
        var tally = new Tally(rows);
        return TypedResults.Ok(new Response(
            range.From, range.To, tally.Total, tally.Words("status", CaseWords.Table.Statuses),
            tally.Words("severity", CaseWords.Severities), tally.Words("category", CaseWords.Categories), tally.Days(range),
            tally.Durations(), completeTo));
    }
}
