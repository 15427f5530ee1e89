using Dapper;
using Npgsql;

namespace Caraway.Platform.Postgres;

/// <summary>
/// Remembers the highest number of each sequence that a migration removes, and continues there when a sequence of that name exists again.
/// Otherwise <c>migrate down</c> and <c>up</c> would give ids a second time, and the event log, which stays, would show the events of the
/// former owner.
/// </summary>
internal static class GivenIds
{
    /// <summary>Like <c>platform.migrations</c>, not part of a numbered migration: it must survive the way back from all of them.</summary>
    public const string Table = """
        create table if not exists platform.given_ids (
            sequence text primary key,
            highest bigint not null
        );
        """;

    private const string Read = """
        select format('%I.%I', schemaname, sequencename) as sequence, last_value as highest
        from pg_sequences where last_value is not null and schemaname not in ('pg_catalog', 'information_schema')
        """;

    private const string KeepRemoved = """
        insert into platform.given_ids (sequence, highest)
        select b.sequence, b.highest from unnest(@sequences::text[], @highest::bigint[]) b (sequence, highest)
        where to_regclass(b.sequence) is null
        on conflict (sequence) do update set highest = greatest(given_ids.highest, excluded.highest)
        """;

    private const string TakeReturned =
        "delete from platform.given_ids where to_regclass(sequence) is not null returning sequence, highest";

    private sealed record Row(string Sequence, long Highest);

    /// <summary>Runs a step of a migration, in the transaction of the step.</summary>
    public static async Task Keep(NpgsqlConnection connection, Func<Task> step, CancellationToken cancel)
    {
        var before = (await connection.QueryAsync<Row>(new CommandDefinition(Read, cancellationToken: cancel))).AsList();
        await step();
        await connection.ExecuteAsync(new CommandDefinition(
            KeepRemoved,
            new { sequences = before.Select(row => row.Sequence).ToArray(), highest = before.Select(row => row.Highest).ToArray() },
            cancellationToken: cancel));
        foreach (var row in await connection.QueryAsync<Row>(new CommandDefinition(TakeReturned, cancellationToken: cancel)))
            await connection.ExecuteAsync(new CommandDefinition(Continue(row.Sequence), row, cancellationToken: cancel));
    }

    /// <summary>The migration may have set the sequence to a higher start of its own. That start stays.</summary>
    /// <param name="sequence">A quoted name, as <see cref="Read"/> makes it.</param>
    private static string Continue(string sequence) => $"""
        select setval(@Sequence::regclass, greatest(@Highest, (select last_value - case when is_called then 0 else 1 end from {sequence})))
        """;
}
