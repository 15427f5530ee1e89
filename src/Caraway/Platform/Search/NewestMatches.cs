using Caraway.Platform.Http;

namespace Caraway.Platform.Search;

/// <summary>
/// Finds the newest matches of a query in steady time, however rare or common its words are (ADR 25). A walk looks at the newest rows, one
/// by one: it soon finds enough of a common word. Only if it does not, the word is rare, and the index gives all its rows: first those of
/// a span of the newest ids, then the rest.
/// </summary>
internal sealed record NewestMatches
{
    /// <summary>Number of rows that the walk looks at, at most: 5 to 20 ms. A word that it does not find often is in few rows.</summary>
    public const int Walked = 16_384;

    /// <summary>
    /// The rows to look at, newest first: a select with the columns <c>at</c> and <c>key</c>, and those that the other members use. It has
    /// no limit.
    /// </summary>
    public required string Newest { get; init; }

    /// <summary>A join to the rows <c>b</c> of <see cref="Newest"/>.</summary>
    public string Look { get; init; } = "";

    /// <summary>The condition of a match, on <c>b</c> and what <see cref="Look"/> joins.</summary>
    public required string Match { get; init; }

    /// <summary>A condition: the index can find the matches.</summary>
    public string IsIndexable { get; init; } = TextMatch.IsIndexable;

    /// <summary>
    /// The matches (<c>at</c>, <c>key</c>) among the newest ids, by an index: a select whose conditions another one can follow. Null for
    /// rows of one owner, which are few.
    /// </summary>
    public string? Near { get; init; }

    /// <summary>All matches by an index, in the same form.</summary>
    public required string Far { get; init; }

    /// <summary>
    /// Common table expressions; the last one is <c>matches (at, key)</c>, at most <c>@Enough</c>. They follow <c>asked</c>. Numbers that a
    /// caller chooses are parameters here, or each of them would be another statement to keep; the planner has no choice to make by them.
    /// </summary>
    public string Sql()
    {
        var near = Near is null ? "" : $"""
            ), near as materialized (
                {Near} and (select is_needed from rest)
            """;
        var (isNear, nearToo) = Near is null ? ("", "") : (
            $" and (select count(distinct key) < @Enough from near)",
            " union all select at, key from near");
        return $"""
            walked as materialized (
                select b.at, b.key from ({Newest}{LimitClause.For(Walked)}) b {Look} where {Match} limit @Enough
            ), rest as materialized (
                select (select count(distinct key) < @Enough from walked) and {IsIndexable}
                    and exists (select from ({Newest} offset {Walked - 1}{LimitClause.For(1)}) edge) as is_needed
            {near}
            ), far as materialized (
                {Far} and (select is_needed from rest){isNear}
            ), matches as materialized (
                select distinct at, key from (
                    select at, key from walked{nearToo} union all select at, key from far
                ) found
                order by at desc, key desc limit @Enough
            )
            """;
    }
}
