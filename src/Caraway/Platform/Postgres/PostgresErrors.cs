using Npgsql;

namespace Caraway.Platform.Postgres;

/// <summary>What an error of the database means (PostgreSQL, appendix A: error codes).</summary>
internal static class PostgresErrors
{
    /// <summary>Whether the database cannot be used now, as opposed to a fault of the statement.</summary>
    /// <remarks>
    /// 08: connection; 28: our own credential; 53: resources; 57: shut down, starting, or took too long; 3D000, 55000: the database does
    /// not exist or accepts no connections; 55P03: lock timeout; 25006: a replica.
    /// </remarks>
    public static bool IsAway(Exception exception) => exception switch
    {
        PostgresException e => e.SqlState[..2] is "08" or "28" or "53" or "57" || e.SqlState is "3D000" or "55000" or "55P03" or "25006",
        NpgsqlException => true,
        _ => false,
    };

    /// <summary>
    /// Whether PostgreSQL refused a prepared statement because a migration changed the types of its columns. The statement has done
    /// nothing.
    /// </summary>
    public static bool IsStalePlan(Exception exception) =>
        exception is PostgresException { SqlState: PostgresErrorCodes.FeatureNotSupported, Routine: "RevalidateCachedQuery" };
}
