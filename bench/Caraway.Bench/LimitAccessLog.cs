using Npgsql;
using NpgsqlTypes;

namespace Caraway.Bench;

/// <summary>
/// The least work that records every read in the same rows as the product: ten times per second, one COPY writes the accesses since the
/// last one, with the batch and its event. It has no digest, no memory limit and no retry.
/// </summary>
internal sealed class LimitAccessLog(NpgsqlDataSource source)
{
    private const string Copy =
        "copy platform.access_log (id, at, actor, request_id, address, action, kind, ids) from stdin (format binary)";

    private const string Batch = """
        with listed as (insert into platform.access_batches (batch, kind, ids, patient_ids) values ($1, 'advocacy.case', $2, '{}'))
        insert into platform.events (at, name, subject, actor, payload)
        values (now(), 'access.recorded', 'platform.access_batch:' || $1, 'limit',
            json_build_object('batch', $1, 'records', $3, 'digest', repeat('0', 64))::text)
        """;

    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(100);

    private readonly Lock held = new();
    private List<Access> waiting = [];

    private readonly record struct Access(DateTime At, string Action, long[] Ids);

    public void Add(string action, params long[] ids)
    {
        var access = new Access(DateTime.UtcNow, action, ids);
        lock (held)
            waiting.Add(access);
    }

    /// <summary>Writes until it is cancelled. A failure ends the whole bench.</summary>
    public async Task Run(CancellationToken cancel)
    {
        var batch = new List<Access>();
        while (true)
        {
            await Task.Delay(Delay, cancel);
            lock (held)
                (batch, waiting) = (waiting, batch);
            if (batch.Count > 0)
                await Write(batch, cancel);
            batch.Clear();
        }
    }

    private async Task Write(List<Access> batch, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var draw = new NpgsqlCommand("select nextval('platform.access_batch_ids')", connection, transaction);
        var number = (long)(await draw.ExecuteScalarAsync(cancel))!;
        var id = number << 16;
        await using (var copy = await connection.BeginBinaryImportAsync(Copy, cancel))
        {
            foreach (var (at, action, ids) in batch)
            {
                await copy.StartRowAsync(cancel);
                await copy.WriteAsync(++id, NpgsqlDbType.Bigint, cancel);
                await copy.WriteAsync(at, NpgsqlDbType.TimestampTz, cancel);
                await copy.WriteAsync("apikey:environment", NpgsqlDbType.Text, cancel);
                await copy.WriteAsync("00000000000000000000000000000000", NpgsqlDbType.Text, cancel);
                await copy.WriteAsync("127.0.0.1", NpgsqlDbType.Text, cancel);
                await copy.WriteAsync(action, NpgsqlDbType.Text, cancel);
                await copy.WriteAsync("advocacy.case", NpgsqlDbType.Text, cancel);
                await copy.WriteAsync(ids, NpgsqlDbType.Array | NpgsqlDbType.Bigint, cancel);
            }

            await copy.CompleteAsync(cancel);
        }

        await using var raise = new NpgsqlCommand(Batch, connection, transaction)
        {
            Parameters =
            {
                new NpgsqlParameter<long> { TypedValue = number },
                new NpgsqlParameter<long[]> { TypedValue = [.. batch.SelectMany(access => access.Ids).Distinct().Order()] },
                new NpgsqlParameter<int> { TypedValue = batch.Count },
            },
        };
        await raise.ExecuteNonQueryAsync(cancel);
        await transaction.CommitAsync(cancel);
    }
}
