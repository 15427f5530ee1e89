using System.Runtime.CompilerServices;
using Dapper;
using Npgsql;

namespace Caraway.Platform.Postgres;

/// <summary>
/// The access of one request, job or command to PostgreSQL. Each call rents a connection only while it runs, so a slow reader of an answer
/// does not hold one. After <see cref="Begin"/>, all calls share one connection and its transaction until <see cref="Commit"/>.
/// </summary>
internal sealed class Database(NpgsqlDataSource source) : IAsyncDisposable
{
    /// <summary>Each statement of a command can be stale once.</summary>
    private const int MaxStalePlans = 10;

    private NpgsqlConnection? shared;
    private NpgsqlTransaction? transaction;
    private Action? afterCommit;

    /// <summary>Dapper matches snake_case columns with members. The setting must be made before the first statement.</summary>
    [ModuleInitializer]
    internal static void SetUpDapper() => DefaultTypeMap.MatchNamesWithUnderscores = true;

    /// <summary>The statement's first row, or null.</summary>
    public Task<T?> First<T>(string sql, object? values, CancellationToken cancel) =>
        Use(Statement.Create(sql, values, cancel), static (connection, command) => connection.QueryFirstOrDefaultAsync<T>(command), cancel);

    /// <summary>
    /// The first row of <paramref name="sql"/>, or null, in one round trip with <paramref name="locking"/>, which runs before. A statement
    /// that waits for a lock itself does not see all that others wrote meanwhile: only the locked row is read again.
    /// </summary>
    public Task<T?> FirstLocked<T>(string locking, string sql, object? values, CancellationToken cancel) => Many(
        $"{locking};{sql}",
        values,
        static async grid =>
        {
            await grid.ReadAsync<long>();
            return await grid.ReadFirstOrDefaultAsync<T>();
        },
        cancel);

    /// <summary>All rows of the statement.</summary>
    public Task<List<T>> List<T>(string sql, object? values, CancellationToken cancel) =>
        Use(
            Statement.Create(sql, values, cancel),
            static async (connection, command) => (await connection.QueryAsync<T>(command)).AsList(),
            cancel);

    /// <summary>Several result sets of one command, in one round trip.</summary>
    public Task<T> Many<T>(string sql, object? values, Func<SqlMapper.GridReader, Task<T>> read, CancellationToken cancel) =>
        Use(
            Statement.Create(sql, values, cancel),
            async (connection, command) =>
            {
                await using var grid = await connection.QueryMultipleAsync(command);
                return await read(grid);
            },
            cancel);

    /// <summary>Runs the statement.</summary>
    /// <returns>The number of rows that it changed.</returns>
    public Task<int> Execute(string sql, object? values, CancellationToken cancel) =>
        Use(Statement.Create(sql, values, cancel), static (connection, command) => connection.ExecuteAsync(command), cancel);

    /// <summary>Starts a transaction that every later call of this instance joins.</summary>
    public async Task Begin(CancellationToken cancel)
    {
        if (shared is not null)
            throw new InvalidOperationException("A transaction is open already.");
        shared = await source.OpenConnectionAsync(cancel);
        transaction = await shared.BeginTransactionAsync(cancel);
    }

    /// <summary>Makes the changes of the transaction permanent. It cannot be cancelled, so that a decision is not lost.</summary>
    public async Task Commit()
    {
        await (transaction ?? throw new InvalidOperationException("No transaction is open.")).CommitAsync(CancellationToken.None);
        var then = afterCommit;
        await DisposeAsync();
        then?.Invoke();
    }

    /// <summary>Runs the action once the changes so far are permanent: after the commit, or at once without a transaction.</summary>
    public void AfterCommit(Action then)
    {
        if (transaction is null)
            then();
        else
            afterCommit += then;
    }

    /// <summary>Ends a transaction that was not committed, and reverts its changes.</summary>
    public async ValueTask DisposeAsync()
    {
        afterCommit = null;
        if (transaction is { } open)
        {
            transaction = null;
            await open.DisposeAsync();
        }

        if (shared is { } connection)
        {
            shared = null;
            await connection.DisposeAsync();
        }
    }

    private async Task<T> Use<T>(
        Statement.Ready statement, Func<NpgsqlConnection, CommandDefinition, Task<T>> work, CancellationToken cancel)
    {
        T result;
        if (shared is not null)
        {
            result = await work(shared, statement.Command);
        }
        else
        {
            await using var connection = await source.OpenConnectionAsync(cancel);
            for (var stalePlans = 0; ; stalePlans++)
            {
                try
                {
                    result = await work(connection, statement.Command);
                    break;
                }
                catch (PostgresException e) when (stalePlans < MaxStalePlans && PostgresErrors.IsStalePlan(e))
                {
                    // Npgsql prepares the statement again at its next execution.
                }
            }
        }

        if (statement.Hook is { } hook)
            AfterCommit(hook);
        return result;
    }
}
