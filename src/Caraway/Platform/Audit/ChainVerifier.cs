using System.Globalization;
using Caraway.Platform.Postgres;
using Npgsql;

namespace Caraway.Platform.Audit;

/// <summary>
/// Recomputes the chain from its first entry: every event, its digest, and the access records of each batch. It reads in chunks, each a
/// short statement of its own, so that it delays no other work while the chain grows.
/// </summary>
internal sealed class ChainVerifier(NpgsqlDataSource source, TimeProvider time)
{
    private const int Chunk = 5_000;

    private const string EndSql = "select position, hash, final_id from platform.sequencer";

    /// <summary>The limit is <see cref="Chunk"/>.</summary>
    internal const string EntriesSql = """
        select c.position, c.event_id, c.hash,
            e.id, e.at, e.name, e.subject, e.actor, e.on_behalf_of, e.request_id, e.address, e.payload, e.salt, e.digest
        from platform.chain c left join platform.events e on e.id = c.event_id
        where c.position > @after
        order by c.position
        limit 5000
        """;

    /// <summary>Events in a gap of the ids, or whose chain entry was removed.</summary>
    private const string OutsideSql = """
        select e.id from platform.events e
        where e.id <= @finalId and not exists (select from platform.chain c where c.event_id = e.id)
        order by e.id limit 20
        """;

    private const string WaitingSql = """
        select count(*) as events, min(e.at) as oldest from platform.events e
        where e.id > @finalId and not exists (select from platform.chain c where c.event_id = e.id and c.event_id > @finalId)
        """;

    private const string ExplainedSql = """
        select distinct subject from platform.events where name = 'event.erased' and subject = any(@subjects)
        """;

    private sealed record Unsealed(long Events, DateTime? Oldest);

    /// <param name="checkpoint">An earlier end of the chain, its signature checked.</param>
    /// <param name="unsealedAfter">Longest time for which an event may have no position.</param>
    public async Task<Verification> Verify(Checkpoint? checkpoint, TimeSpan unsealedAfter, CancellationToken cancel)
    {
        await using var database = new Database(source);
        if (await database.First<ChainEnd>(EndSql, null, cancel) is not { } began)
        {
            return new Verification
            {
                Entries = 0, Erased = 0, AccessRecords = 0, Unsealed = 0, Problems = ["The sequencer's row is missing."],
            };
        }

        var findings = new Findings();
        var batches = new AccessBatchVerifier(database, findings);
        var walk = new ChainWalk(checkpoint, began);
        await Walk(walk, batches, findings, database, cancel);
        var ended = await database.First<ChainEnd>(EndSql, null, cancel) ?? began;
        if (!walk.IsBroken)
        {
            foreach (var problem in walk.CheckEnd(ended.Position))
                findings.Add(problem);
        }

        await CheckErasures(findings, database, cancel);
        foreach (var id in await database.List<long>(OutsideSql, new { finalId = began.FinalId }, cancel))
            findings.Add($"Event {id} is not in the chain: it was inserted later, or its entry was removed.");
        await batches.FindUnknown(cancel);
        var unsealed = await CheckUnsealed(ended.FinalId, unsealedAfter, findings, database, cancel);
        return new Verification
        {
            Entries = walk.Position, Erased = findings.ErasedEvents.Count, AccessRecords = findings.AccessRecords, Unsealed = unsealed,
            Problems = findings.Problems,
        };
    }

    /// <summary>Reads rows in which an intruder may have put a value that the program never writes.</summary>
    /// <returns>Null after such a value; it is added to the findings.</returns>
    public static async Task<List<T>?> Read<T>(Func<Task<List<T>>> read, string rows, Findings findings)
    {
        try
        {
            return await read();
        }
        catch (Exception e) when (e is System.Data.DataException or FormatException or InvalidCastException or OverflowException
            or PostgresException { SqlState: ['2', '2', ..] })
        {
            findings.Add($"{rows} hold a value that the program never writes ({e.GetBaseException().GetType().Name}).");
            return null;
        }
    }

    private static async Task Walk(
        ChainWalk walk, AccessBatchVerifier batches, Findings findings, Database database, CancellationToken cancel)
    {
        for (var after = long.MinValue; !walk.IsBroken; after = walk.Position)
        {
            var entries = await Read(
                () => database.List<ChainEntry>(EntriesSql, new { after }, cancel),
                $"The {Chunk} entries after position {walk.Position}", findings);
            if (entries is null)
            {
                walk.Break();
                return;
            }

            var announced = new List<AnnouncedBatch>();
            foreach (var entry in entries)
            {
                findings.Add(walk.Take(entry));
                if (walk.IsBroken)
                    break;
                if (entry.Payload is null)
                    findings.ErasedEvents.Add(entry.EventId);
                else if (entry.Name != AccessLog.Recorded)
                    continue;
                else if (AnnouncedBatch.Parse(entry) is { } batch)
                    announced.Add(batch);
                else
                    findings.Add($"Position {entry.Position}: the access log did not write event {entry.EventId}.");
            }

            await batches.Check(announced, cancel);
            if (entries.Count < Chunk)
                return;
        }
    }

    /// <summary>Each erased event needs an event that reports the erasure. That event may still wait for its own position.</summary>
    private static async Task CheckErasures(Findings findings, Database database, CancellationToken cancel)
    {
        foreach (var some in findings.ErasedEvents.Chunk(1_000))
        {
            var subjects = some.ToDictionary(
                id => string.Create(CultureInfo.InvariantCulture, $"platform.event:{id}"), id => id, StringComparer.Ordinal);
            foreach (var explained in await database.List<string>(ExplainedSql, new { subjects = subjects.Keys.ToArray() }, cancel))
                subjects.Remove(explained);
            foreach (var id in subjects.Values.Order())
                findings.Add($"Event {id} was erased, but no event reports the erasure.");
        }
    }

    /// <returns>The number of events without a position.</returns>
    private async Task<long> CheckUnsealed(
        long finalId, TimeSpan unsealedAfter, Findings findings, Database database, CancellationToken cancel)
    {
        var rows = await Read(
            () => database.List<Unsealed>(WaitingSql, new { finalId }, cancel), "The events without a position", findings);
        if (rows is not [var unsealed])
            return 0;
        if (unsealed.Oldest is { } oldest && time.GetUtcNow().UtcDateTime - oldest > unsealedAfter)
        {
            findings.Add(
                $"{unsealed.Events} events wait for their position, the oldest since {oldest:yyyy-MM-dd HH:mm:ss}Z. "
                + "Either no process gives positions, or a transaction is open since then.");
        }

        return unsealed.Events;
    }
}
