namespace Caraway.Platform.Search;

/// <summary>
/// The entries of each kind's vectors (<c>platform.search_lexemes</c>). The index of vectors can find the beginning of a word, but it reads
/// every row of every entry that begins so. The entries are few, and with them the index is asked for whole ones.
/// </summary>
internal static class Lexemes
{
    /// <summary>More entries than this are not asked for: so many begin only with a letter or two.</summary>
    private const int Most = 512;

    /// <summary>
    /// Adds the entries of vectors to those of a kind, in the module's event handler. The key alone finds those that exist: a join would
    /// read all of them for each new one whenever the planner takes the table for empty.
    /// </summary>
    /// <param name="vectors">A select of one column.</param>
    public static string Insert(string kind, string vectors) => $"""
        insert into platform.search_lexemes (kind, lexeme)
        select distinct '{kind}', l.lexeme collate "C"
        from ({vectors}) v (words) cross join lateral unnest(v.words) l
        where l.lexeme collate "C" >= 'a'
        order by 2
        on conflict do nothing
        """;

    /// <summary>
    /// The beginning of a common table expression <c>indexed (q)</c>: what the index is asked for. The last word becomes the entries that
    /// begin with it. When they are too many, the index is asked for the other words alone.
    /// </summary>
    internal static string IndexQuery(string kind) => $"""
        indexed as materialized (
            select case
                when a.lexeme is null then a.q
                when e.count between 1 and {Most} then a.either || (a.words && e.lexemes::tsquery)
                when e.count > {Most} and a.rest is not null and querytree(a.rest) <> 'T' then a.rest
                else a.q end as q
            from asked a cross join lateral (
                select count(*) as count, string_agg(quote_literal(s.lexeme), ' | ') as lexemes
                from (
                    select lexeme from platform.search_lexemes
                    where kind = '{kind}' and lexeme >= a.lexeme and lexeme < a.lexeme || chr(1114111) limit {Most + 1}
                ) s
            ) e
        """;
}
