using Caraway.Platform.Http;
using Caraway.Platform.Search;

namespace Caraway.Support;

/// <summary>
/// The statements of a list. A caller who sees all cases walks down one index of them. Others walk down one index of their own cases and
/// one of their shares, each cut to the page before the two are merged, so that a page costs the same at any depth.
/// </summary>
internal static class CaseListSql
{
    private const string Order = " order by created_at desc, id desc";

    internal static string Keyset(CaseFilter filter, SupportScope scope, TimePage page)
    {
        const string below = "(c.created_at, c.id) < (@Time, @Id)";
        if (filter.Text.HasText)
        {
            return $"""
                with {CaseMatches.Sql(filter, scope, isExact: true, below, "(s.case_created_at, s.case_id) < (@Time, @Id)")}
                select {SupportCase.Columns}
                from matches m join support.cases c on c.id = m.key order by c.created_at desc, c.id desc
                """;
        }

        if (scope.All)
            return $"select {SupportCase.Columns} from support.cases c where {below}{filter.Sql}{Order}{page.Take}";
        var branches = scope.Me.SelectMany((_, place) => new[]
        {
            $"""
            (select c.id, c.created_at from support.cases c
            where c.owner = (@Me)[{place + 1}] and {below}{filter.Sql}{Order}{page.Take})
            """,
            $"""
            (select c.id, c.created_at from support.shares s join support.cases c on c.id = s.case_id
            where s.reader = (@Me)[{place + 1}] and (s.case_created_at, s.case_id) < (@Time, @Id){filter.Sql}
            order by s.case_created_at desc, s.case_id desc{page.Take})
            """,
        });
        return $"""
            with page as (
                select distinct id, created_at from ({string.Join("\nunion all\n", branches)}) b{Order}{page.Take}
            )
            select {SupportCase.Columns} from page p join support.cases c on c.id = p.id order by c.created_at desc, c.id desc
            """;
    }

    /// <summary>Counts every match in the statement that reads the page, so that both belong together.</summary>
    internal static string Numbered(CaseFilter filter, SupportScope scope, int size)
    {
        var take = LimitClause.For(size);
        var (asked, words, filters) = filter.Text.HasText
            ? (TextMatch.Asked + ", ", $" and c.search @@ {TextMatch.Query}", filter.IndexedSql)
            : ("", "", filter.Sql);
        if (scope.All)
        {
            return $"""
                {(asked.Length == 0 ? "" : $"with {TextMatch.Asked}")}
                select t.total, c.id is not null as is_there, {SupportCase.Columns}
                from (select count(*) as total from support.cases c where true{words}{filters}) t
                left join (select * from support.cases c where true{words}{filters}{Order} offset @skip{take}) c on true
                order by c.created_at desc, c.id desc
                """;
        }

        var own = words.Length == 0
            ? $"""
                select c.id, c.created_at from support.cases c where c.owner = any(@Me){filters}
                union
                select c.id, c.created_at from support.shares s join support.cases c on c.id = s.case_id
                where s.reader = any(@Me){filters}
                """
            : $"select c.id, c.created_at from support.cases c where c.readers && @Me{words}{filters}";
        return $"""
            with {asked}matches as materialized (
                {own}
            ), page as (
                select id from matches{Order} offset @skip{take}
            )
            select t.total, c.id is not null as is_there, {SupportCase.Columns}
            from (select count(*) as total from matches) t
            left join (page p join support.cases c on c.id = p.id) on true
            order by c.created_at desc, c.id desc
            """;
    }
}
