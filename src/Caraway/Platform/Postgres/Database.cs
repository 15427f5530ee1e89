using System.Runtime.CompilerServices;
using Caraway.Platform.Events;
using Dapper;
using Npgsql;

namespace Caraway.Platform.Postgres;

/// <summary>
/// One request's, job's or command's way to PostgreSQL. Each call rents a connection for its own time, so a slow reader of the
/// answer holds none; after <see cref="Begin"/>, all calls share one connection and its transaction until <see cref="Commit"/>.
/// </summary>
internal sealed class Database(NpgsqlDataSource source) : IAsyncDisposable
{
    private NpgsqlConnection? shared;
    private NpgsqlTransaction? transaction;
    private Action? afterCommit;

    /// <summary>Columns are snake_case, members are not: Dapper's one setting, made before anything asks it.</summary>
    [ModuleInitializer]
    internal static void SetUpDapper() => DefaultTypeMap.MatchNamesWithUnderscores = true;

    /// <summary>The statement's first row, or null.</summary>
    public Task<T?> First<T>(string sql, object? values, CancellationToken cancel) =>
        Use(Statement.Of(sql, values, cancel), static (connection, command) => connection.QueryFirstOrDefaultAsync<T>(command), cancel);

    /// <summary>All rows of the statement.</summary>
    public Task<List<T>> List<T>(string sql, object? values, CancellationToken cancel) =>
        Use(Statement.Of(sql, values, cancel), static async (connection, command) => (await connection.QueryAsync<T>(command)).AsList(), cancel);

    /// <summary>Several result sets of one command, which is one round trip.</summary>
    public Task<T> Many<T>(string sql, object? values, Func<SqlMapper.GridReader, Task<T>> read, CancellationToken cancel) =>
        Use(
            Statement.Of(sql, values, cancel),
            async (connection, command) =>
            {
                await using var grid = await connection.QueryMultipleAsync(command);
                return await read(grid);
            },
            cancel);

    /// <summary>Runs the statement.</summary>
    /// <returns>The rows it changed.</returns>
    public Task<int> Execute(string sql, object? values, CancellationToken cancel) =>
        Use(Statement.Of(sql, values, cancel), static (connection, command) => connection.ExecuteAsync(command), cancel);

    /// <summary>Starts a transaction that every later call of this instance joins.</summary>
    public async Task Begin(CancellationToken cancel)
    {
        if (shared is not null)
            throw new InvalidOperationException("A transaction is open already.");
        shared = await source.OpenConnectionAsync(cancel);
        transaction = await shared.BeginTransactionAsync(cancel);
    }

    /// <summary>Makes the transaction's work permanent. Not cancellable: what was decided is kept.</summary>
    public async Task Commit()
    {
        await (transaction ?? throw new InvalidOperationException("No transaction is open.")).CommitAsync(CancellationToken.None);
        var then = afterCommit;
        await DisposeAsync();
        then?.Invoke();
    }

    /// <summary>Does this once what was written so far is permanent: at the open transaction's commit, or at once without one.</summary>
    public void AfterCommit(Action then)
    {
        if (transaction is null)
            then();
        else
            afterCommit += then;
    }

    /// <summary>Ends a transaction that was not committed; its work is undone.</summary>
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

    private async Task<T> Use<T>(Statement.Ready statement, Func<NpgsqlConnection, CommandDefinition, Task<T>> work, CancellationToken cancel)
    {
        T result;
        if (shared is not null)
        {
            result = await work(shared, statement.Command);
        }
        else
        {
            await using var connection = await source.OpenConnectionAsync(cancel);
            result = await work(connection, statement.Command);
        }

        if (statement.WritesEvents)
            AfterCommit(EventSignal.Written.Raise);
        return result;
    }
}
