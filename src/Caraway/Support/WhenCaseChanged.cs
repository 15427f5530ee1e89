using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Caraway.Support.Contracts;

namespace Caraway.Support;

/// <summary>
/// Keeps the counts of <see cref="AnalyzeCases"/>. An event only says which case to look at: the statement compares the case's present
/// facts with what it has counted for it, and adds the difference. A second delivery finds no difference, and a deleted case has no facts.
/// </summary>
internal sealed class WhenCaseChanged : IEventHandler
{
    /// <summary>The migration that counted the first cases inserted the cursor of this name.</summary>
    public const string Handler = "support-analytics";

    private const string Subject = SupportScope.Kind + ":";

    /// <summary>Every event of a case; a share changes no fact and so makes no difference.</summary>
    public static string[] Counted { get; } =
        [.. SupportEvents.All.Where(name => name.StartsWith("support_case.", StringComparison.Ordinal))];

    /// <summary>The rows are locked in the order of their keys, so that two writers could not deadlock.</summary>
    internal const string Count = """
        with before as materialized (
            select * from support.counted_cases where case_id = any(@ids)
        ), present as materialized (
            select case_id, opened_on, status, severity, category, ended_on, resolved_on, took, bucket, updated_at
            from support.case_facts where case_id = any(@ids)
        ), gone as (
            delete from support.counted_cases c
            where c.case_id = any(@ids) and not exists (select from present p where p.case_id = c.case_id)
        ), counted as (
            insert into support.counted_cases (
                case_id, opened_on, status, severity, category, ended_on, resolved_on, took, bucket, updated_at)
            select p.* from present p left join before b on b.case_id = p.case_id
            where row(b.*) is distinct from row(p.*) order by p.case_id
            on conflict (case_id) do update set
                (opened_on, status, severity, category, ended_on, resolved_on, took, bucket, updated_at) =
                (excluded.opened_on, excluded.status, excluded.severity, excluded.category, excluded.ended_on, excluded.resolved_on,
                 excluded.took, excluded.bucket, excluded.updated_at)
        ), changes as materialized (
            select -1 as cases, b.* from before b
            union all
            select 1, p.* from present p
        ), days as (
            insert into support.day_counts (fact, day, word, cases)
            select f.fact, f.day, f.word, sum(c.cases)
            from changes c
            cross join lateral (values
                ('opened', c.opened_on, ''), ('ended', c.ended_on, ''), ('state', c.opened_on, c.status || ' ' || c.severity),
                ('category', c.opened_on, c.category)
            ) f (fact, day, word)
            where f.day is not null
            group by f.fact, f.day, f.word having sum(c.cases) <> 0 order by f.fact, f.day, f.word
            on conflict (fact, day, word) do update set cases = day_counts.cases + excluded.cases
        )
        insert into support.resolution_counts (day, bucket, cases)
        select resolved_on, bucket, sum(cases) from changes where bucket is not null
        group by resolved_on, bucket having sum(cases) <> 0 order by resolved_on, bucket
        on conflict (day, bucket) do update set cases = resolution_counts.cases + excluded.cases
        """;

    public string Name => Handler;

    public IReadOnlyList<string> Events => Counted;

    public Task Handle(IReadOnlyList<Event> events, Database database, CancellationToken cancel) =>
        database.Execute(Count, new { ids = events.Select(IdOf).Distinct().ToArray() }, cancel);

    private static long IdOf(Event happened) => CaseId.TryRead(happened.Subject[Subject.Length..], out var id)
        ? id
        : throw new InvalidOperationException($"The subject of the event {happened.Id} is not a support case.");
}
