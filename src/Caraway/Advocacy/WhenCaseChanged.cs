using Caraway.Advocacy.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Postgres;

namespace Caraway.Advocacy;

/// <summary>
/// Keeps the counts of <see cref="AnalyzeCases"/>. An event only says which case to look at: the statement compares the case's present
/// facts with what it has counted for it, and adds the difference. A second delivery finds no difference.
/// </summary>
internal sealed class WhenCaseChanged : IEventHandler
{
    /// <summary>The migration that counted the first cases inserted the cursor of this name.</summary>
    public const string Handler = "advocacy-analytics";

    /// <summary>The events that can change a fact.</summary>
    public static string[] Counted { get; } = [AdvocacyEvents.CaseOpened, AdvocacyEvents.CaseMoved];

    /// <summary>The rows are locked in the order of their keys, so that two writers could not deadlock.</summary>
    internal const string Count = """
        with before as materialized (
            select * from advocacy.counted_cases where case_id = any(@ids)
        ), present as materialized (
            select case_id, opened_on, status, ended_on, decided_on, decision, took, bucket
            from advocacy.case_facts where case_id = any(@ids)
        ), gone as (
            delete from advocacy.counted_cases c
            where c.case_id = any(@ids) and not exists (select from present p where p.case_id = c.case_id)
        ), counted as (
            insert into advocacy.counted_cases (case_id, opened_on, status, ended_on, decided_on, decision, took, bucket)
            select p.* from present p left join before b on b.case_id = p.case_id
            where row(b.*) is distinct from row(p.*) order by p.case_id
            on conflict (case_id) do update set (opened_on, status, ended_on, decided_on, decision, took, bucket) =
                (excluded.opened_on, excluded.status, excluded.ended_on, excluded.decided_on, excluded.decision, excluded.took,
                 excluded.bucket)
        ), changes as materialized (
            select -1 as cases, b.* from before b
            union all
            select 1, p.* from present p
        ), days as (
            insert into advocacy.day_counts (fact, day, word, cases)
            select f.fact, f.day, f.word, sum(c.cases)
            from changes c
            cross join lateral (values
                ('opened', c.opened_on, ''), ('ended', c.ended_on, ''), ('status', c.opened_on, c.status),
                ('decision', c.decided_on, c.decision)
            ) f (fact, day, word)
            where f.day is not null
            group by f.fact, f.day, f.word having sum(c.cases) <> 0 order by f.fact, f.day, f.word
            on conflict (fact, day, word) do update set cases = day_counts.cases + excluded.cases
        )
        insert into advocacy.decision_counts (day, bucket, cases)
        select decided_on, bucket, sum(cases) from changes where bucket is not null
        group by decided_on, bucket having sum(cases) <> 0 order by decided_on, bucket
        on conflict (day, bucket) do update set cases = decision_counts.cases + excluded.cases
        """;

    public string Name => Handler;

    public IReadOnlyList<string> Events => Counted;

    public Task Handle(IReadOnlyList<Event> events, Database database, CancellationToken cancel) =>
        database.Execute(Count, new { ids = events.Select(e => e.SubjectId).Distinct().ToArray() }, cancel);
}
