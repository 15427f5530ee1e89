using Caraway.Platform.Postgres;

namespace Caraway.Platform.Audit;

/// <summary>Checks that the access log has the batches of the chain's events, unchanged, and only these.</summary>
internal sealed class AccessBatchVerifier(Database database, Findings findings)
{
    /// <summary>The batch of the lowest id that a record can have, whoever wrote it.</summary>
    private const long MinNumber = long.MinValue >> AccessBatch.PlaceBits;

    private const int BatchesAtOnce = 20;

    private const string RowsSql = """
        select a.id, a.at, a.actor, a.request_id, a.address, a.action, a.reason, a.kind,
            a.ids::text as ids, a.patient_ids::text as patient_ids
        from unnest(@batches) b (n) join platform.access_log a on a.id >= b.n << 16 and a.id < (b.n + 1) << 16
        order by a.id
        """;

    private const string IndexSql = """
        select batch, kind, ids::text as ids, patient_ids::text as patient_ids
        from platform.access_batches where batch = any(@batches) order by batch, kind collate "C"
        """;

    /// <summary>
    /// The next 5,000 batches that have records or index rows. The statement jumps from batch to batch and does not read every record.
    /// </summary>
    private const string NextBatchesSql = """
        with recursive batches as (
            select least(
                (select min(id) >> 16 from platform.access_log where id >= greatest(@from, @first) << 16),
                (select min(batch) from platform.access_batches where batch >= @from)) as n, 1 as step
            union all
            select least(
                (select min(a.id) >> 16 from platform.access_log a where a.id >= greatest(b.n + 1, @first) << 16),
                (select min(l.batch) from platform.access_batches l where l.batch > b.n)), b.step + 1
            from batches b where b.n < @last and b.step < 5000
        )
        select n as number,
            exists (
                select from platform.events e
                where e.subject = 'platform.access_batch:' || n and e.name = 'access.recorded') as is_known
        from batches where n is not null order by n
        """;

    private sealed record FoundBatch(long Number, bool IsKnown);

    /// <summary>Compares the batches with their events.</summary>
    public async Task Check(List<AnnouncedBatch> announced, CancellationToken cancel)
    {
        // A few at a time: a batch can hold thousands of records.
        foreach (var some in announced.Chunk(BatchesAtOnce))
        {
            var batches = some.Select(batch => batch.Number).Distinct().ToArray();
            var rows = await ChainVerifier.Read(
                () => database.List<AnnouncedBatch.Row>(RowsSql, new { batches }, cancel),
                $"Access batches {batches.Min()} to {batches.Max()}", findings);
            if (rows is null)
                continue;
            var byBatch = rows.ToLookup(row => row.Id >> AccessBatch.PlaceBits);
            var index = (await database.List<AnnouncedBatch.IndexRow>(IndexSql, new { batches }, cancel)).ToLookup(row => row.Batch);
            foreach (var batch in some)
            {
                if (batch.FindProblem([.. byBatch[batch.Number]], index[batch.Number]) is { } problem)
                    findings.Add(problem);
                else
                    findings.AccessRecords += batch.Records;
            }
        }
    }

    /// <summary>Finds batches in the access log for which no event exists.</summary>
    public async Task FindUnknown(CancellationToken cancel)
    {
        for (var from = long.MinValue; ;)
        {
            var batches = await database.List<FoundBatch>(
                NextBatchesSql, new { from, first = MinNumber, last = AnnouncedBatch.MaxNumber }, cancel);
            foreach (var unknown in batches.Where(batch => !batch.IsKnown))
                findings.Add($"Access batch {unknown.Number} has no event: Caraway did not write it.");
            if (batches.Count == 0 || batches[^1].Number >= AnnouncedBatch.MaxNumber)
                return;
            from = batches[^1].Number + 1;
        }
    }
}
