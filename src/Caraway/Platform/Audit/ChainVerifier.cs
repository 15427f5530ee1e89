using System.Globalization;
using Caraway.Platform.Postgres;
using Npgsql;

namespace Caraway.Platform.Audit;

/// <summary>What a verification found.</summary>
internal sealed record Verification
{
    /// <summary>Entries that hold.</summary>
    public required long Entries { get; init; }

    /// <summary>Those of them whose payload was erased.</summary>
    public required long Erased { get; init; }

    /// <summary>Access records that hold.</summary>
    public required long AccessRecords { get; init; }

    /// <summary>Events that have no position yet; the newest always.</summary>
    public required long Unsealed { get; init; }

    /// <summary>What does not hold, the first broken entry first; empty when all does.</summary>
    public required IReadOnlyList<string> Problems { get; init; }
}

/// <summary>
/// Recomputes the chain from its first entry: every event, its digest, and the access records that batches answer for. Reads in chunks, each
/// a short statement of its own, so that it holds up nobody while the chain grows.
/// </summary>
internal sealed class ChainVerifier(NpgsqlDataSource source, TimeProvider time)
{
    private const int Chunk = 5_000;
    private const int MostProblems = 20;

    private const string Sequenced = "select position, hash, final_id from platform.sequencer";

    internal const string Entries = """
        select c.position, c.event_id, c.hash, e.id, e.at, e.name, e.subject, e.actor, e.on_behalf_of, e.request_id, e.address, e.payload, e.salt, e.digest
        from platform.chain c left join platform.events e on e.id = c.event_id
        where c.position > @after
        order by c.position
        limit 5000
        """;

    /// <summary>In a gap of ids, or with its entry of the chain taken away.</summary>
    private const string Outside = """
        select e.id from platform.events e
        where e.id <= @finalId and not exists (select from platform.chain c where c.event_id = e.id)
        order by e.id limit 20
        """;

    private const string Waiting = """
        select count(*) as events, min(e.at) as oldest from platform.events e
        where e.id > @finalId and not exists (select from platform.chain c where c.event_id = e.id and c.event_id > @finalId)
        """;

    private const string Batches = """
        select a.id, a.at, a.actor, a.request_id, a.address, a.action, a.reason, a.kind, a.ids::text, a.patient_ids::text
        from unnest(@batches) b (n) join platform.access_log a on a.id >= b.n << 16 and a.id < (b.n + 1) << 16
        order by a.id
        """;

    /// <summary>Walks from batch to batch, not from record to record.</summary>
    private const string UnknownBatches = """
        with recursive batches as (
            select min(id) >> 16 as n from platform.access_log
            union all
            select (select min(a.id) >> 16 from platform.access_log a where a.id >= (b.n + 1) << 16) from batches b where b.n is not null
        )
        select n from batches
        where n is not null and not exists (select from platform.events e where e.subject = 'platform.access_batch:' || n and e.name = 'access.recorded')
        order by n limit 20
        """;

    private sealed record State(long Position, byte[] Hash, long FinalId);

    private sealed record Entry(
        long Position, long EventId, byte[] Hash, long? Id, DateTime? At, string? Name, string? Subject, string? Actor, string? OnBehalfOf, string? RequestId, string? Address,
        string? Payload, byte[]? Salt, byte[]? Digest)
    {
        public Envelope Envelope => new(Id!.Value, At!.Value, Name!, Subject!, Actor!, OnBehalfOf, RequestId, Address);
    }

    private sealed record Unsealed(long Events, DateTime? Oldest);

    private sealed record Access(long Id, DateTime At, string Actor, string RequestId, string? Address, string Action, string? Reason, string Kind, string Ids, string? PatientIds)
    {
        public AccessLog.Record Record => new(At, Actor, RequestId, Address, Action, Reason, Kind, Numbers(Ids), PatientIds is null ? null : Numbers(PatientIds));

        /// <summary>PostgreSQL's <c>{1,2}</c>.</summary>
        private static long[] Numbers(string array) =>
            [.. array.Trim('{', '}').Split(',', StringSplitOptions.RemoveEmptyEntries).Select(number => long.Parse(number, CultureInfo.InvariantCulture))];
    }

    private sealed record Batch(long Position, long Number, int Records, string Digest);

    /// <param name="checkpoint">An earlier state of the chain, its signature checked.</param>
    /// <param name="unsealedAfter">How old an event may be without a position.</param>
    public async Task<Verification> Verify(Checkpoint? checkpoint, TimeSpan unsealedAfter, CancellationToken cancel)
    {
        await using var database = new Database(source);
        var began = (await database.First<State>(Sequenced, null, cancel))!;
        var found = new Findings(checkpoint, began);
        while (found.IsWhole)
        {
            var entries = await database.List<Entry>(Entries, new { after = found.Position }, cancel);
            var batches = new List<Batch>();
            foreach (var entry in entries)
            {
                if (!found.Take(entry))
                    break;
                if (entry is { Name: AccessLog.Recorded, Payload: { } payload })
                    batches.Add(BatchOf(entry.Position, payload));
            }

            await CheckBatches(batches, found, database, cancel);
            if (entries.Count < Chunk)
                break;
        }

        var ended = (await database.First<State>(Sequenced, null, cancel))!;
        if (found.IsWhole)
            found.End(ended.Position);
        foreach (var id in await database.List<long>(Outside, new { finalId = began.FinalId }, cancel))
            found.Problem($"Event {id} stands outside the chain: it was put there later, or its entry was taken away.");
        foreach (var number in await database.List<long>(UnknownBatches, null, cancel))
            found.Problem($"Access batch {number} has no event: its records were put there by another hand.");
        var unsealed = (await database.First<Unsealed>(Waiting, new { finalId = ended.FinalId }, cancel))!;
        if (unsealed.Oldest is { } oldest && time.GetUtcNow().UtcDateTime - oldest > unsealedAfter)
            found.Problem($"{unsealed.Events} events wait for their position, the oldest since {oldest:yyyy-MM-dd HH:mm:ss}Z: no process gives positions, or a transaction has been open as long.");
        return new Verification { Entries = found.Position, Erased = found.Erased, AccessRecords = found.AccessRecords, Unsealed = unsealed.Events, Problems = found.Problems };
    }

    private static Batch BatchOf(long position, string payload)
    {
        using var json = System.Text.Json.JsonDocument.Parse(payload);
        var root = json.RootElement;
        return new Batch(position, root.GetProperty("batch").GetInt64(), root.GetProperty("records").GetInt32(), root.GetProperty("digest").GetString()!);
    }

    private static async Task CheckBatches(List<Batch> batches, Findings found, Database database, CancellationToken cancel)
    {
        // A few at a time, for a batch can be thousands of records.
        foreach (var some in batches.Chunk(20))
        {
            var records = await database.List<Access>(Batches, new { batches = some.Select(batch => batch.Number).ToArray() }, cancel);
            var byBatch = records.ToLookup(record => record.Id >> AccessLog.PlaceBits, record => record.Record);
            foreach (var batch in some)
            {
                var ofBatch = byBatch[batch.Number].ToList();
                if (ofBatch.Count != batch.Records)
                    found.Problem(string.Create(CultureInfo.InvariantCulture, $"Access batch {batch.Number} (position {batch.Position}) had {batch.Records} records and has {ofBatch.Count}."));
                else if (Convert.ToHexStringLower(AccessLog.Digest(ofBatch)) != batch.Digest)
                    found.Problem(string.Create(CultureInfo.InvariantCulture, $"Access batch {batch.Number} (position {batch.Position}): a record was changed."));
                else
                    found.AccessRecords += ofBatch.Count;
            }
        }
    }

    /// <summary>The walk along the chain.</summary>
    private sealed class Findings(Checkpoint? checkpoint, State began)
    {
        private readonly HashSet<long> erasedUnexplained = [];
        private readonly HashSet<long> explained = [];
        private byte[] hash = Chain.Genesis;

        public List<string> Problems { get; } = [];

        /// <summary>Up to here every entry holds.</summary>
        public long Position { get; private set; }

        public long Erased { get; private set; }

        public long AccessRecords { get; set; }

        public bool IsWhole { get; private set; } = true;

        public void Problem(FormattableString problem) => Problem(problem.ToString(CultureInfo.InvariantCulture));

        public void Problem(string problem)
        {
            if (Problems.Count < MostProblems)
                Problems.Add(problem);
        }

        /// <returns>False at the first entry that does not hold; what follows it cannot be told.</returns>
        public bool Take(Entry entry)
        {
            if (WrongOf(entry) is { } wrong)
            {
                Problem(wrong);
                return IsWhole = false;
            }

            (Position, hash) = (entry.Position, entry.Hash);
            if (entry.Payload is null)
            {
                Erased++;
                erasedUnexplained.Add(entry.EventId);
            }

            if (entry.Name == EraseEvent.Erased && long.TryParse(entry.Subject!.AsSpan(entry.Subject!.IndexOf(':', StringComparison.Ordinal) + 1), CultureInfo.InvariantCulture, out var erased))
                explained.Add(erased);
            return true;
        }

        /// <summary>The chain's last entry was taken.</summary>
        /// <param name="given">The last position that the sequencer gave.</param>
        public void End(long given)
        {
            if (Position < began.Position)
                Problem($"The tail is missing: the chain ends at position {Position}, and position {began.Position} was given.");
            else if (Position > given)
                Problem($"The chain has entries up to position {Position}, and the sequencer gave {given}.");
            if (checkpoint is not null && Position < checkpoint.Position)
                Problem($"The tail is missing: the chain ends at position {Position}, and was at {checkpoint.Position} at the checkpoint of {checkpoint.At}.");
            erasedUnexplained.ExceptWith(explained);
            foreach (var id in erasedUnexplained.Order())
                Problem($"Event {id} was erased, and no event tells of it.");
        }

        private string? WrongOf(Entry entry)
        {
            var expected = Position + 1;
            if (entry.Position != expected)
                return Invariant($"Position {expected} is missing: the next entry is {entry.Position}.");
            if (entry.Id is null)
                return Invariant($"Position {expected}: event {entry.EventId} is missing.");
            if (entry.Payload is null != entry.Salt is null)
                return Invariant($"Position {expected}: event {entry.EventId} is erased in part.");
            if (entry.Payload is not null && !Chain.Digest(entry.Salt!, entry.Payload).AsSpan().SequenceEqual(entry.Digest))
                return Invariant($"Position {expected}: the payload of event {entry.EventId} was changed.");
            var computed = Chain.Hash(hash, expected, entry.Envelope, entry.Digest!);
            if (!computed.AsSpan().SequenceEqual(entry.Hash))
                return Invariant($"Position {expected}: event {entry.EventId} does not fit the chain; it, its entry, or their order was changed.");
            if (expected == began.Position && !computed.AsSpan().SequenceEqual(began.Hash))
                return Invariant($"Position {expected}: the chain is another one than the sequencer wrote.");
            return checkpoint is not null && expected == checkpoint.Position && Convert.ToHexStringLower(computed) != checkpoint.Hash
                ? Invariant($"Position {expected}: the chain is another one than at the checkpoint of {checkpoint.At}; it was written anew somewhere before.")
                : null;
        }

        private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
    }
}
