using Caraway.Support;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Support;

/// <summary>Support cases with times of their own, and what the rollup has counted.</summary>
internal static class SupportCounts
{
    /// <summary>The rollup without its zeros, as one text.</summary>
    private const string Rollup = """
        select concat_ws(E'\n',
            (select string_agg(concat_ws(' ', fact, day, word, cases), E'\n' order by fact, day, word)
             from support.day_counts where cases <> 0),
            (select string_agg(concat_ws(' ', day, bucket, cases), E'\n' order by day, bucket)
             from support.resolution_counts where cases <> 0),
            (select string_agg(c::text, E'\n' order by case_id) from support.counted_cases c))
        """;

    /// <summary>What the rollup must be, counted from the cases themselves.</summary>
    private const string Truth = """
        with facts as (
            select case_id, opened_on, status, severity, category, ended_on, resolved_on, took, bucket, updated_at from support.case_facts
        )
        select concat_ws(E'\n',
            (select string_agg(concat_ws(' ', fact, day, word, cases), E'\n' order by fact, day, word) from (
                select f.fact, f.day, f.word, count(*) as cases
                from facts
                cross join lateral (values
                    ('opened', opened_on, ''), ('ended', ended_on, ''), ('state', opened_on, status || ' ' || severity),
                    ('category', opened_on, category)
                ) f (fact, day, word)
                where f.day is not null group by 1, 2, 3) d),
            (select string_agg(concat_ws(' ', resolved_on, bucket, cases), E'\n' order by resolved_on, bucket) from (
                select resolved_on, bucket, count(*) as cases from facts where took is not null group by 1, 2) d),
            (select string_agg(f::text, E'\n' order by case_id) from facts f))
        """;

    /// <summary>A case as it is now. A time is text; null for a case that was not resolved or has not ended.</summary>
    internal sealed record Planted(string Status, string CreatedAt, string? ResolvedAt = null, string? EndedAt = null)
    {
        public string Severity { get; init; } = "medium";

        public string Category { get; init; } = "other";
    }

    public static async Task<string> ReadSupportRollup(this TestDatabase database) => await database.Scalar<string>(Rollup) ?? "";

    /// <summary>Checks that the rollup is the sum over the cases, and returns it.</summary>
    public static async Task<string> CheckSupportRollup(this TestDatabase database)
    {
        var rollup = await database.ReadSupportRollup();
        Assert.Equal(await database.Scalar<string>(Truth), rollup);
        return rollup;
    }

    /// <summary>Writes cases with one event each, as at these times.</summary>
    public static async Task Plant(this CarawayFixture caraway, string owner, params Planted[] cases)
    {
        foreach (var planted in cases)
        {
            var id = CaseId.Create();
            await caraway.Database.Scalar<long>(
                """
                with opened as (
                    insert into support.cases (
                        id, owner, readers, title, description, status, severity, category, metadata, tags, created_at, updated_at,
                        resolved_at, ended_at)
                    values (
                        @id, @owner, array[@owner], 't', '', @status, @severity, @category, '{}', '{}', @created::timestamptz,
                        coalesce(@ended::timestamptz, @created::timestamptz), @resolved::timestamptz, @ended::timestamptz)
                )
                insert into platform.events (at, name, subject, actor, payload)
                values (@created::timestamptz, 'support_case.opened', 'support.case:' || @text, 'test', '{}')
                """,
                ("id", id.Value), ("text", id.Text), ("owner", owner), ("status", planted.Status), ("severity", planted.Severity),
                ("category", planted.Category), ("created", planted.CreatedAt), ("resolved", planted.ResolvedAt ?? (object)DBNull.Value),
                ("ended", planted.EndedAt ?? planted.ResolvedAt ?? (object)DBNull.Value));
        }
    }
}
