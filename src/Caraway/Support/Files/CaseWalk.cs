using Caraway.Platform.Postgres;
using Caraway.Platform.Search;

namespace Caraway.Support.Files;

/// <summary>
/// Walks over all cases that match a filter and that a caller sees, oldest first, in pages. Each page is a statement of its own: between
/// two pages the walk holds neither a connection nor a snapshot, so a slow reader costs the database nothing. A page shows the cases as
/// they are when it is read.
/// </summary>
internal sealed class CaseWalk(CaseFilter filter, SupportScope scope, Database database)
{
    /// <summary>Cases that a statement looks at. It returns those that match.</summary>
    internal const int Steps = 1_000;

    /// <summary>A page ends before the case with which its texts are longer than this.</summary>
    private const int PageBytes = 1024 * 1024;

    private readonly string sql = Sql(filter, scope);
    private DateTime time = DateTime.SpecifyKind(DateTime.MinValue, DateTimeKind.Utc);
    private long id = -1;

    /// <summary>A case of a page, and how far the statement got. Without a case, <see cref="IsThere"/> is false.</summary>
    private sealed class Step : SupportCase.Fields
    {
        public bool IsThere { get; init; }

        /// <summary>Matches among the steps, also those that the page leaves out.</summary>
        public long Matches { get; init; }

        public long Walked { get; init; }

        public DateTime? LastTime { get; init; }

        public long? LastId { get; init; }
    }

    public bool IsEnded { get; private set; }

    /// <summary>The next page. It can be empty before the end.</summary>
    public async Task<IReadOnlyList<SupportCase.Fields>> Next(CancellationToken cancel)
    {
        var rows = await database.List<Step>(
            sql,
            new
            {
                scope.Me, Time = time, Id = id, filter.Severity, filter.Category, filter.Tag, filter.SessionId,
                filter.Marks, filter.TextTag, OpenedBefore = filter.Text.Before, OpenedAfter = filter.Text.After,
                filter.Text.Either, filter.Text.Words, filter.Text.Prefix,
            },
            cancel);
        var first = rows[0];
        rows.RemoveAll(row => !row.IsThere);
        var isCut = rows.Count < first.Matches;
        if (isCut)
            (time, id) = (rows[^1].CreatedAt, rows[^1].Id);
        else if (first.Walked == Steps)
            (time, id) = (first.LastTime!.Value, first.LastId!.Value);
        else
            IsEnded = true;
        return rows;
    }

    /// <summary>
    /// Takes the next steps down an index in order, and filters them after that. So a statement costs the same however rare the matches
    /// are, and the whole walk passes each case once; an index over the filter would be read whole for each page. A status and a session
    /// are part of the indexes of the walk.
    /// </summary>
    internal static string Sql(CaseFilter filter, SupportScope scope)
    {
        var take = $" order by created_at, id limit {Steps}";
        string[] branches = scope.All
            ? [$"(select c.id, c.created_at from support.cases c where (c.created_at, c.id) > (@Time, @Id){filter.OrderedSql}{take})"]
            : [.. scope.Me.SelectMany((_, place) => new[]
            {
                $"""
                (select c.id, c.created_at from support.cases c
                where c.owner = (@Me)[{place + 1}] and (c.created_at, c.id) > (@Time, @Id){filter.OrderedSql}{take})
                """,
                $"""
                (select c.id, c.created_at from support.shares s join support.cases c on c.id = s.case_id
                where s.reader = (@Me)[{place + 1}] and (s.case_created_at, s.case_id) > (@Time, @Id){filter.OrderedSql}
                order by s.case_created_at, s.case_id limit {Steps})
                """,
            })];
        var (asked, words) = filter.Text.HasText ? (TextMatch.Asked + ", ", $" and c.search @@ {TextMatch.Query}") : ("", "");
        return $"""
            with {asked}keys as materialized (
                select distinct id, created_at from ({string.Join("\nunion all\n", branches)}) b{take}
            ), walk as materialized (
                select c.* from keys k join support.cases c on c.id = k.id
            ), matches as materialized (
                select c.id, sum(octet_length(c.description) + octet_length(c.metadata)) over (order by c.created_at, c.id) as bytes,
                    row_number() over (order by c.created_at, c.id) as place
                from walk c where true{words}{filter.Sql}
            )
            select e.walked, e.matches, l.created_at as last_time, l.id as last_id, p.id is not null as is_there, {SupportCase.Columns}
            from (select (select count(*) from keys) as walked, (select count(*) from matches) as matches) e
            left join (select created_at, id from keys order by created_at desc, id desc limit 1) l on true
            left join (
                matches p join walk c on c.id = p.id
            ) on p.place = 1 or p.bytes <= {PageBytes}
            order by p.place
            """;
    }
}
