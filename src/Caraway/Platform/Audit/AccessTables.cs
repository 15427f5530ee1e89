using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace Caraway.Platform.Audit;

/// <summary>The statements that write <c>platform.access_log</c> and <c>platform.access_batches</c>.</summary>
internal sealed class AccessTables(NpgsqlDataSource source)
{
    /// <summary>COPY costs the database half as much as an insert.</summary>
    private const string CopySql = """
        copy platform.access_log (id, at, actor, request_id, address, action, reason, kind, ids, patient_ids) from stdin (format binary)
        """;

    private const string IndexSql = "insert into platform.access_batches (batch, kind, ids, patient_ids) values ($1, $2, $3, $4)";

    private const string RaiseSql = $"""
        {EventSql.InsertWithoutRequest}
        values ($1, 'access.recorded', 'platform.access_batch:' || $2, 'caraway',
            json_build_object('batch', $2, 'records', $3, 'digest', $4)::text)
        """;

    private const string ContainsSql = """
        select exists (
            select from platform.events
            where name = 'access.recorded' and subject = 'platform.access_batch:' || @batch and payload like '%' || @digest || '%')
        """;

    private const string DrawNumberSql = "select nextval('platform.access_batch_ids')";

    private const string MergeSql = """
        select gin_clean_pending_list('platform.access_batches_ids'), gin_clean_pending_list('platform.access_batches_patients')
        """;

    private readonly Dictionary<string, (List<long> Ids, List<long> PatientIds)> lists = [];

    public async Task<long> DrawNumber(CancellationToken cancel)
    {
        await using var database = new Database(source);
        return await database.First<long>(DrawNumberSql, null, cancel);
    }

    /// <summary>Whether a batch with this number and digest is in the log.</summary>
    public async Task<bool> Contains(long number, string digest, CancellationToken cancel)
    {
        await using var database = new Database(source);
        return await database.First<bool>(ContainsSql, new { batch = number, digest }, cancel);
    }

    /// <summary>Moves new index entries from the GIN indexes' pending lists, which searches read entry by entry, to their places.</summary>
    public async Task MergeIndexes(CancellationToken cancel)
    {
        await using var database = new Database(source);
        await database.Execute(MergeSql, null, cancel);
    }

    /// <summary>Writes records, index rows and the batch's event in one transaction. Not cancellable: a stop waits for it.</summary>
    public async Task Insert(long number, List<Access> batch, string digest, DateTime now)
    {
        await using var connection = await source.OpenConnectionAsync(CancellationToken.None);
        await using var transaction = await connection.BeginTransactionAsync(CancellationToken.None);
        await Copy(number, batch, connection);
        await using var rest = new NpgsqlBatch(connection, transaction);
        foreach (var (kind, (ids, patients)) in AccessBatch.GroupByKind(batch.Select(access => access.Records), lists))
        {
            rest.BatchCommands.Add(new NpgsqlBatchCommand(IndexSql)
            {
                Parameters =
                {
                    new NpgsqlParameter<long> { TypedValue = number }, new NpgsqlParameter<string> { TypedValue = kind },
                    new NpgsqlParameter<List<long>> { TypedValue = ids }, new NpgsqlParameter<List<long>> { TypedValue = patients },
                },
            });
        }

        rest.BatchCommands.Add(new NpgsqlBatchCommand(RaiseSql)
        {
            Parameters =
            {
                new NpgsqlParameter<DateTime> { TypedValue = now }, new NpgsqlParameter<long> { TypedValue = number },
                new NpgsqlParameter<int> { TypedValue = batch.Count }, new NpgsqlParameter<string> { TypedValue = digest },
            },
        });
        await rest.ExecuteNonQueryAsync(CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        EventSignal.Written.Raise();
    }

    private static async Task Copy(long number, List<Access> batch, NpgsqlConnection connection)
    {
        await using var copy = await connection.BeginBinaryImportAsync(CopySql, CancellationToken.None);
        for (var place = 0; place < batch.Count; place++)
        {
            var (at, caller, reason, records) = batch[place];
            await copy.StartRowAsync(CancellationToken.None);
            await copy.WriteAsync((number << AccessBatch.PlaceBits) + place + 1, NpgsqlDbType.Bigint, CancellationToken.None);
            await copy.WriteAsync(at, NpgsqlDbType.TimestampTz, CancellationToken.None);
            await Text(caller.Id);
            await Text(caller.RequestId);
            await Text(caller.Address);
            await Text(caller.Action);
            await Text(reason);
            await Text(records.Kind);
            await Array(records.Ids);
            await Array(records.PatientIds);
        }

        await copy.CompleteAsync(CancellationToken.None);

        Task Text(string? value) =>
            value is null ? copy.WriteNullAsync(CancellationToken.None) : copy.WriteAsync(value, NpgsqlDbType.Text, CancellationToken.None);

        Task Array(long[]? ids) => ids is null
            ? copy.WriteNullAsync(CancellationToken.None)
            : copy.WriteAsync(ids, NpgsqlDbType.Array | NpgsqlDbType.Bigint, CancellationToken.None);
    }
}
