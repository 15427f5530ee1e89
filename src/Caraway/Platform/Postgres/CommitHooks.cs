using System.Collections.Immutable;

namespace Caraway.Platform.Postgres;

/// <summary>
/// What this process does after the commit of a statement, told by a constant that is part of the statement's SQL. The owner of a table
/// registers the beginning of its insert, and every statement that is built with that constant has the hook.
/// </summary>
internal static class CommitHooks
{
    private static ImmutableArray<(string Sql, Action Raise)> all = [];

    /// <param name="sql">The shared constant.</param>
    /// <param name="raise">Called after the commit; it must be quick, and it must not throw.</param>
    public static void Add(string sql, Action raise) =>
        ImmutableInterlocked.Update(ref all, (hooks, hook) => hooks.Add(hook), (sql, raise));

    /// <summary>The hook of a statement; null when it has none.</summary>
    public static Action? Find(string sql)
    {
        Action? found = null;
        foreach (var (part, raise) in all)
        {
            if (sql.Contains(part, StringComparison.Ordinal))
                found += raise;
        }

        return found;
    }
}
