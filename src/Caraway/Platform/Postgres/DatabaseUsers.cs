using Caraway.Platform.Hosting;

namespace Caraway.Platform.Postgres;

/// <summary>The programs that are connected to the database.</summary>
/// <remarks>
/// A running Caraway asks its database several times a second, so it always has a connection. The list of connections also shows older
/// versions and psql, which a lock or a table of our own would not. A pooler keeps the connections of programs that have ended, so
/// <c>migrate down</c> needs the address of the server itself.
/// </remarks>
internal static class DatabaseUsers
{
    /// <summary>A program that has just ended can leave a connection for a moment.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Only the owner of a connection and superusers see its kind. Background processes of the server have no user.</summary>
    private const string Others = """
        select coalesce(nullif(application_name, ''), 'unnamed') as name, count(*) as connections
        from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and usesysid is not null
            and coalesce(backend_type, 'client backend') = 'client backend'
        group by 1 order by 1
        """;

    private sealed record Row(string Name, long Connections);

    /// <exception cref="CommandException">Another program is connected.</exception>
    public static async Task RefuseOthers(Database database, CancellationToken cancel)
    {
        for (var waited = TimeSpan.Zero; ; waited += Pause)
        {
            var others = await database.List<Row>(Others, null, cancel);
            if (others.Count == 0)
                return;
            if (waited >= Patience)
            {
                var names = string.Join(", ", others.Select(row => $"{row.Name} ({row.Connections})"));
                throw new CommandException(
                    ExitCode.Busy, $"Other programs use the database: {names}. Stop them first. Nothing was changed.");
            }

            await Task.Delay(Pause, cancel);
        }
    }
}
