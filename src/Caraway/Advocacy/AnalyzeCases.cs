using System.Globalization;
using Caraway.Platform.Analytics;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Advocacy;

/// <summary>
/// <c>GET /cases/analytics</c>: figures about all cases, from the counts that <see cref="WhenCaseChanged"/> keeps. The answer includes
/// every change that was committed before the request.
/// </summary>
internal static class AnalyzeCases
{
    /// <param name="Total">The cases that were opened in the range.</param>
    /// <param name="ByStatus">The cases that were opened in the range, by their present status.</param>
    /// <param name="DecisionSeconds">From the opening to APPROVED or DENIED, of the decisions in the range.</param>
    /// <param name="CompleteTo">Null when every change before the request is counted; else the time up to which changes are.</param>
    public sealed record Response(
        DateOnly From, DateOnly To, long Total, IReadOnlyDictionary<string, long> ByStatus, IReadOnlyList<DayCount> ByDay,
        Durations DecisionSeconds, IReadOnlyList<Decisions> DecisionsByMonth, DateTime? CompleteTo);

    /// <summary>The decisions of a month, as far as it lies in the range.</summary>
    /// <param name="Month">Such as 2026-01.</param>
    /// <param name="Overturned">The decisions that were APPROVED.</param>
    /// <param name="Share">Overturned of decided, with four digits; null without a decision.</param>
    public sealed record Decisions(string Month, long Decided, long Overturned, double? Share);

    /// <summary>A month's number for <see cref="Tally.Row.Day"/> is its year times 12 and its place in the year.</summary>
    internal static readonly string Select = $"""
        with {Percentiles.Select("advocacy.decision_counts", "advocacy.counted_cases", "decided_on")}
        select fact, word, day - @from as day, cases::bigint as value from advocacy.day_counts
        where fact in ('opened', 'ended') and day between @from and @to
        union all
        select 'before', null, null, sum(case fact when 'opened' then cases else -cases end)
        from advocacy.day_counts where fact in ('opened', 'ended') and day < @from having count(*) > 0
        union all
        select fact, word, null, sum(cases) from advocacy.day_counts where fact = 'status' and day between @from and @to group by fact, word
        union all
        select fact, word, (extract(year from day) * 12 + extract(month from day))::int, sum(cases)
        from advocacy.day_counts where fact = 'decision' and day between @from and @to group by 1, 2, 3
        union all
        select 'took', word, null, value::bigint from figures
        """;

    public static async Task<Results<Ok<Response>, Refusal>> Handle(
        string? from, string? to, Database database, TimeProvider time, CancellationToken cancel)
    {
        if (DayRange.Read(from, to, time.GetUtcNow().UtcDateTime, out var range) is { } refusal)
            return refusal;
        var completeTo = await CatchUp.Wait(WhenCaseChanged.Handler, WhenCaseChanged.Counted, database, time, cancel);
        var tally = new Tally(await database.List<Tally.Row>(Select, new { from = range.From, to = range.To }, cancel));
        return TypedResults.Ok(new Response(
            range.From, range.To, tally.Total, tally.Words("status", CaseWorkflow.Table.Statuses), tally.Days(range),
            tally.Durations(), Months(tally, range), completeTo));
    }

    private static List<Decisions> Months(Tally tally, DayRange range)
    {
        var decisions = tally.Of("decision").ToLookup(row => row.Day!.Value);
        return [.. range.Months.Select(month =>
        {
            var rows = decisions[month.Year * 12 + month.Month];
            var decided = rows.Sum(row => row.Value);
            var overturned = rows.Where(row => row.Word == CaseStatus.Approved).Sum(row => row.Value);
            return new Decisions(
                month.ToString("yyyy-MM", CultureInfo.InvariantCulture), decided, overturned,
                decided == 0 ? null : Math.Round((double)overturned / decided, 4));
        })];
    }
}
