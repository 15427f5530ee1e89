using System.Globalization;
using System.Text;
using Caraway.Platform.Http;

namespace Caraway.Platform.Search;

/// <summary>
/// Finds the newest matches of a query in steady time, however rare or common its words are (ADR 25). A walk looks at the newest rows, one
/// by one: it soon finds enough of a common word. Only if it does not, the words are rare, and the index gives their rows: first those of
/// a span of the newest ids, then of longer spans, at last all.
/// </summary>
internal sealed record NewestMatches
{
    /// <summary>Number of rows that the walk looks at, at most: 5 to 20 ms. A word that it does not find often is in few rows.</summary>
    public const int Walked = 16_384;

    /// <summary>Lengths of the spans of <c>platform.spans</c>, as powers of two.</summary>
    private static readonly int[] Spans = [15, 17, 20];

    /// <summary>
    /// The rows to look at, newest first: a select with the columns <c>at</c> and <c>key</c>, and those that the other members use. It has
    /// no limit.
    /// </summary>
    public required string Newest { get; init; }

    /// <summary>
    /// Whether several rows of <see cref="Newest"/>, one after the other, can have one key. The walk counts them as one match: else it
    /// would end before it has enough, and the index would be asked for a word that is in every row.
    /// </summary>
    public bool HasRepeatedKeys { get; init; }

    /// <summary>
    /// Whether conditions of <see cref="Newest"/> leave out rows. If they do not, the numbers of the newest and the oldest row tell whether
    /// there are rows beyond the walk, and nothing needs to be counted.
    /// </summary>
    public bool IsNarrow { get; init; }

    /// <summary>A join to the rows <c>b</c> of <see cref="Newest"/>.</summary>
    public string Look { get; init; } = "";

    /// <summary>The condition of a match, on <c>b</c> and what <see cref="Look"/> joins.</summary>
    public required string Match { get; init; }

    /// <summary>A condition: the index can find the matches.</summary>
    public string IsIndexable { get; init; } = TextMatch.IsIndexable;

    /// <summary>
    /// The kind whose <see cref="Lexemes"/> the index is asked for; null when <see cref="Far"/> asks for the query itself.
    /// </summary>
    public string? Kind { get; init; }

    /// <summary>
    /// All matches by an index: a select of <c>at</c> and <c>key</c>, whose conditions others can follow. For vectors, with
    /// <see cref="TextMatch.Indexed"/>.
    /// </summary>
    public required string Far { get; init; }

    /// <summary>The numbers of the rows by which the index has spans; null for rows of one owner, which are few.</summary>
    public SpanIds? Ids { get; init; }

    /// <param name="Column">The number of a row in <see cref="Far"/>.</param>
    /// <param name="Newest">An expression: the newest number that can match.</param>
    /// <param name="Oldest">An expression: the oldest number of the table.</param>
    internal sealed record SpanIds(string Column, string Newest, string Oldest);

    /// <summary>
    /// Common table expressions; the last one is <c>matches (at, key)</c>, at most <c>@Enough</c>. They follow <c>asked</c>. Numbers that a
    /// caller chooses are parameters here, or each of them would be another statement to keep; the planner has no choice to make by them.
    /// </summary>
    public string Sql()
    {
        var walk = $"from ({Newest}{LimitClause.For(Walked)}) b {Look} where {Match}";
        var walked = HasRepeatedKeys
            ? $"""
                select at, key from (select b.at, b.key, lag(b.key) over () as previous {walk}) b
                where key is distinct from previous limit @Enough
                """
            : $"select b.at, b.key {walk} limit @Enough";
        var isLonger = Ids is null || IsNarrow
            ? $"exists (select from ({Newest} offset {Walked - 1}{LimitClause.For(1)}) edge)"
            : $"{Ids.Newest} - {Walked} >= {Ids.Oldest}";
        var sql = new StringBuilder($"""
            walked as materialized (
                {walked}
            ), rest_0 as materialized (
                select (select count(*) < @Enough from walked) and {IsIndexable} and {isLonger} as is_needed
            """);
        if (Kind is not null)
            sql.Append(CultureInfo.InvariantCulture, $"\n), {Lexemes.IndexQuery(Kind)}");
        var steps = new List<string> { "walked" };
        for (var step = 1; Ids is not null && step <= Spans.Length; step++)
        {
            var (bits, name) = (Spans[step - 1], $"near_{step}");
            sql.Append(CultureInfo.InvariantCulture, $"""

                ), {name} as materialized (
                    {Far} and platform.spans({Ids.Column}) && platform.newest_spans({Ids.Newest}, {bits})
                        and (select is_needed from rest_{step - 1})
                ), rest_{step} as materialized (
                    select (select is_needed from rest_{step - 1}) and (select count(distinct key) < @Enough from {name})
                        and (({Ids.Newest} >> {bits}) - 1) << {bits} > {Ids.Oldest} as is_needed
                """);
            steps.Add(name);
        }

        sql.Append(CultureInfo.InvariantCulture, $"""

            ), far as materialized (
                {Far} and (select is_needed from rest_{steps.Count - 1})
            ), matches as materialized (
                select distinct at, key
                from ({string.Join(" union all ", steps.Append("far").Select(step => $"select at, key from {step}"))}) found
                order by at desc, key desc limit @Enough
            )
            """);
        return sql.ToString();
    }
}
