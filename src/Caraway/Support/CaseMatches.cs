using Caraway.Platform.Search;

namespace Caraway.Support;

/// <summary>Finds the cases that a query means among those that the caller may see, newest first.</summary>
internal static class CaseMatches
{
    private const string Columns = "search, status, severity, category, tags";

    /// <summary>Common table expressions that end in <c>matches (at, key)</c>.</summary>
    /// <param name="below">A condition on a case <c>c</c>: the place of the page.</param>
    /// <param name="shareBelow">The same for a share <c>s</c>.</param>
    /// <param name="isExact">
    /// Whether the newest by <c>created_at</c> are wanted, and not only those that were written last: an import writes old cases.
    /// </param>
    public static string Sql(CaseFilter filter, SupportScope scope, bool isExact, string below = "true", string shareBelow = "true")
    {
        var newest = Newest(filter, scope, below, shareBelow);
        if (!filter.Text.HasText && filter.OtherSql.Length == 0)
            return $"matches as materialized ({newest} limit @Enough)";
        var words = filter.Text.HasText ? $"c.search @@ {TextMatch.Query}" : "true";
        var (indexed, readers) = !scope.All ? (words, " and c.readers && @Me")
            : filter.Text.HasText ? (TextMatch.Indexed("c.search"), "")
            : ("true", "");
        return TextMatch.Asked + ", " + new NewestMatches
        {
            Newest = newest,
            IsNarrow = filter.OrderedSql.Length > 0,
            // The filter comes after the walk. In it, PostgreSQL would take the index for the filter, and sort all that it gives.
            Look = scope.All
                ? "cross join lateral (select b.*) c"
                : $"cross join lateral (select {Columns} from support.cases c where c.id = b.key offset 0) c",
            Match = words + filter.OtherSql,
            IsIndexable = filter.IsIndexable ? "true" : TextMatch.IsIndexable,
            // They are of all cases: the work for a caller who sees a part does not depend on them.
            Kind = scope.All && filter.Text.HasText ? SearchCases.KindName : null,
            Far = $"""
                select c.created_at as at, c.id as key from support.cases c where {indexed}{readers} and {below}{filter.IndexedSql}
                """,
            Ids = isExact || !scope.All ? null : new("c.number", "(select last_value from support.cases_number_seq)", "1"),
        }.Sql();
    }

    /// <summary>A walk down one index for a caller who sees all cases; else down one of the caller's cases and one of the shares.</summary>
    private static string Newest(CaseFilter filter, SupportScope scope, string below, string shareBelow)
    {
        const string order = " order by created_at desc, id desc";
        if (scope.All)
        {
            return $"""
                select c.created_at as at, c.id as key, {Columns} from support.cases c
                where {below}{filter.OrderedSql} order by c.created_at desc, c.id desc
                """;
        }

        var branches = scope.Me.SelectMany((_, place) => new[]
        {
            $"""
            (select c.id, c.created_at from support.cases c where c.owner = (@Me)[{place + 1}] and {below}{filter.OrderedSql}
            order by c.created_at desc, c.id desc limit {NewestMatches.Walked})
            """,
            $"""
            (select c.id, c.created_at from support.shares s join support.cases c on c.id = s.case_id
            where s.reader = (@Me)[{place + 1}] and {shareBelow}{filter.OrderedSql}
            order by s.case_created_at desc, s.case_id desc limit {NewestMatches.Walked})
            """,
        });
        return $"""
            select created_at as at, id as key
            from (select distinct id, created_at from ({string.Join("\nunion all\n", branches)}) u) o{order}
            """;
    }
}
