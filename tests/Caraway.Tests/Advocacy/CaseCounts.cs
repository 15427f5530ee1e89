using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

/// <summary>Cases with times of their own, and what the rollup has counted.</summary>
internal static class CaseCounts
{
    /// <summary>The rollup without its zeros, as one text.</summary>
    private const string Rollup = """
        select concat_ws(E'\n',
            (select string_agg(concat_ws(' ', fact, day, word, cases), E'\n' order by fact, day, word)
             from advocacy.day_counts where cases <> 0),
            (select string_agg(concat_ws(' ', day, bucket, cases), E'\n' order by day, bucket)
             from advocacy.decision_counts where cases <> 0),
            (select string_agg(c::text, E'\n' order by case_id) from advocacy.counted_cases c))
        """;

    /// <summary>What the rollup must be, counted from the cases themselves.</summary>
    private const string Truth = """
        select concat_ws(E'\n',
            (select string_agg(concat_ws(' ', fact, day, word, cases), E'\n' order by fact, day, word) from (
                select f.fact, f.day, f.word, count(*) as cases
                from advocacy.case_facts c
                cross join lateral (values
                    ('opened', opened_on, ''), ('ended', ended_on, ''), ('status', opened_on, status), ('decision', decided_on, decision)
                ) f (fact, day, word)
                where f.day is not null group by 1, 2, 3) d),
            (select string_agg(concat_ws(' ', decided_on, bucket, cases), E'\n' order by decided_on, bucket) from (
                select decided_on, bucket, count(*) as cases from advocacy.case_facts where took is not null group by 1, 2) d),
            (select string_agg(c::text, E'\n' order by case_id) from advocacy.case_facts c))
        """;

    public static async Task<string> ReadRollup(this TestDatabase database) => await database.Scalar<string>(Rollup) ?? "";

    /// <summary>Checks that the rollup is the sum over the cases, and returns it.</summary>
    public static async Task<string> CheckRollup(this TestDatabase database)
    {
        var rollup = await database.ReadRollup();
        Assert.Equal(await database.Scalar<string>(Truth), rollup);
        return rollup;
    }

    /// <summary>Writes a case with its status events and domain events, as at these times.</summary>
    /// <returns>Its id.</returns>
    public static async Task<long> PlantCase(this CarawayFixture caraway, string openedAt, params (string Status, string At)[] moves)
    {
        var id = await caraway.Database.Scalar<long>(
            """
            with applicant as (
                insert into advocacy.applicants (full_name, created_at) values ('Ada', @opened::timestamptz) returning id
            ), opened as (
                insert into advocacy.cases (applicant_id, narrative, current_status, created_at, updated_at)
                select id, 'n', @status, @opened::timestamptz, @opened::timestamptz from applicant returning id
            ), moved as (
                insert into advocacy.status_events (case_id, from_status, to_status, actor, created_at)
                select id, null, m.status, 'test', m.at::timestamptz
                from opened, unnest(@statuses, @times) with ordinality m (status, at, place) order by place
            ), logged as (
                insert into platform.events (at, name, subject, actor, payload)
                select m.at::timestamptz, case place when 1 then 'case.opened' else 'case.moved' end, 'advocacy.case:' || id, 'test', '{}'
                from opened, unnest(@statuses, @times) with ordinality m (status, at, place) order by place
            )
            select id from opened
            """,
            ("opened", openedAt), ("status", moves is [.., var last] ? last.Status : "NEW"),
            ("statuses", moves.Select(move => move.Status).Prepend("NEW").ToArray()),
            ("times", moves.Select(move => move.At).Prepend(openedAt).ToArray()));
        Assert.NotEqual(0, id);
        return id;
    }
}
