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

    /// <summary>The batch of the least id that a record can have, whoever wrote it.</summary>
    private const long FirstBatch = long.MinValue >> AccessBatch.PlaceBits;

    /// <summary>The last number that a batch can have.</summary>
    private const long LastBatch = (long.MaxValue >> AccessBatch.PlaceBits) - 1;

    private const string Batches = """
        select a.id, a.at, a.actor, a.request_id, a.address, a.action, a.reason, a.kind, a.ids::text as ids, a.patient_ids::text as patient_ids
        from unnest(@batches) b (n) join platform.access_log a on a.id >= b.n << 16 and a.id < (b.n + 1) << 16
        order by a.id
        """;

    private const string Listed = """
        select batch, kind, ids::text as ids, patient_ids::text as patient_ids from platform.access_batches where batch = any(@batches) order by batch, kind collate "C"
        """;

    /// <summary>Walks from batch to batch, not from record to record, through records and lists.</summary>
    private const string NextBatches = """
        with recursive batches as (
            select least(
                (select min(id) >> 16 from platform.access_log where id >= greatest(@from, @first) << 16), (select min(batch) from platform.access_batches where batch >= @from)) as n, 1 as step
            union all
            select least((select min(a.id) >> 16 from platform.access_log a where a.id >= greatest(b.n + 1, @first) << 16), (select min(l.batch) from platform.access_batches l where l.batch > b.n)), b.step + 1
            from batches b where b.n < @last and b.step < 5000
        )
        select n as number, exists (select from platform.events e where e.subject = 'platform.access_batch:' || n and e.name = 'access.recorded') as is_known
        from batches where n is not null order by n
        """;

    private const string Explained = "select distinct subject from platform.events where name = 'event.erased' and subject = any(@subjects)";

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
        public AccessBatch.Record Record => new(At, Actor, RequestId, Address, Action, Reason, Kind, Ids, PatientIds);
    }

    private sealed record ListedKind(long Batch, string Kind, string Ids, string PatientIds);

    private sealed record Batch(long Position, long Number, int Records, string Digest);

    private sealed record BatchOfLog(long Number, bool IsKnown);

    /// <param name="checkpoint">An earlier state of the chain, its signature checked.</param>
    /// <param name="unsealedAfter">How old an event may be without a position.</param>
    public async Task<Verification> Verify(Checkpoint? checkpoint, TimeSpan unsealedAfter, CancellationToken cancel)
    {
        await using var database = new Database(source);
        if (await database.First<State>(Sequenced, null, cancel) is not { } began)
            return new Verification { Entries = 0, Erased = 0, AccessRecords = 0, Unsealed = 0, Problems = ["The sequencer's row is missing."] };
        var found = new Findings(checkpoint, began);
        await Walk(found, database, cancel);
        var ended = await database.First<State>(Sequenced, null, cancel) ?? began;
        if (found.IsWhole)
            found.End(ended.Position);
        await CheckErasures(found, database, cancel);
        foreach (var id in await database.List<long>(Outside, new { finalId = began.FinalId }, cancel))
            found.Problem($"Event {id} stands outside the chain: it was put there later, or its entry was taken away.");
        await FindUnknownBatches(found, database, cancel);
        var unsealed = await Read(() => database.List<Unsealed>(Waiting, new { finalId = ended.FinalId }, cancel), found, "The events without a position");
        if (unsealed is [{ Oldest: { } oldest } waiting] && time.GetUtcNow().UtcDateTime - oldest > unsealedAfter)
            found.Problem($"{waiting.Events} events wait for their position, the oldest since {oldest:yyyy-MM-dd HH:mm:ss}Z: no process gives positions, or a transaction has been open as long.");
        return new Verification { Entries = found.Position, Erased = found.Erased.Count, AccessRecords = found.AccessRecords, Unsealed = unsealed is [var count] ? count.Events : 0, Problems = found.Problems };
    }

    private static async Task Walk(Findings found, Database database, CancellationToken cancel)
    {
        for (var after = long.MinValue; found.IsWhole; after = found.Position)
        {
            var entries = await Read(() => database.List<Entry>(Entries, new { after }, cancel), found, string.Create(CultureInfo.InvariantCulture, $"The {Chunk} entries after position {found.Position}"));
            if (entries is null)
            {
                found.Break();
                return;
            }

            var batches = new List<Batch>();
            foreach (var entry in entries)
            {
                if (!found.Take(entry))
                    break;
                if (entry is not { Name: AccessLog.Recorded, Payload: { } payload })
                    continue;
                if (BatchOf(entry, payload) is { } batch)
                    batches.Add(batch);
                else
                    found.Problem($"Position {entry.Position}: event {entry.EventId} is none that the access log writes.");
            }

            await CheckBatches(batches, found, database, cancel);
            if (entries.Count < Chunk)
                return;
        }
    }

    /// <summary>What the program writes can always be read; what cannot was put there by another hand.</summary>
    private static async Task<List<T>?> Read<T>(Func<Task<List<T>>> read, Findings found, string what)
    {
        try
        {
            return await read();
        }
        catch (Exception e) when (e is System.Data.DataException or FormatException or InvalidCastException or OverflowException or PostgresException { SqlState: [ '2', '2', .. ] })
        {
            found.Problem($"{what} hold a value that the program never writes ({e.GetBaseException().GetType().Name}).");
            return null;
        }
    }

    /// <returns>Null when it is none that the access log writes.</returns>
    private static Batch? BatchOf(Entry entry, string payload)
    {
        try
        {
            using var json = System.Text.Json.JsonDocument.Parse(payload);
            var root = json.RootElement;
            return root.ValueKind == System.Text.Json.JsonValueKind.Object
                && root.TryGetProperty("batch", out var number) && number.ValueKind == System.Text.Json.JsonValueKind.Number && number.TryGetInt64(out var batch) && batch is > 0 and <= LastBatch
                && root.TryGetProperty("records", out var count) && count.ValueKind == System.Text.Json.JsonValueKind.Number && count.TryGetInt32(out var records)
                && root.TryGetProperty("digest", out var digest) && digest.ValueKind == System.Text.Json.JsonValueKind.String
                && entry.Subject == string.Create(CultureInfo.InvariantCulture, $"platform.access_batch:{batch}")
                ? new Batch(entry.Position, batch, records, digest.GetString()!)
                : null;
        }
        catch (System.Text.Json.JsonException)
        {
            return null;
        }
    }

    private static async Task CheckBatches(List<Batch> batches, Findings found, Database database, CancellationToken cancel)
    {
        // A few at a time, for a batch can be thousands of records.
        foreach (var some in batches.Chunk(20))
        {
            var numbers = some.Select(batch => batch.Number).Distinct().ToArray();
            var records = await Read(
                () => database.List<Access>(Batches, new { batches = numbers }, cancel), found, string.Create(CultureInfo.InvariantCulture, $"Access batches {numbers.Min()} to {numbers.Max()}"));
            if (records is null)
                continue;
            var byBatch = records.ToLookup(record => record.Id >> AccessBatch.PlaceBits);
            var listed = (await database.List<ListedKind>(Listed, new { batches = numbers }, cancel)).ToLookup(kind => kind.Batch);
            foreach (var batch in some)
            {
                var ofBatch = byBatch[batch.Number].ToList();
                if (ofBatch.Count != batch.Records)
                    found.Problem($"Access batch {batch.Number} (position {batch.Position}) had {batch.Records} records and has {ofBatch.Count}.");
                else if (ofBatch.Index().Any(record => record.Item.Id != (batch.Number << AccessBatch.PlaceBits) + record.Index + 1)
                    || AccessBatch.Digest(ofBatch.Select(record => record.Record)) != batch.Digest)
                    found.Problem($"Access batch {batch.Number} (position {batch.Position}): a record was changed.");
                else if (ListOf(batch.Number, ofBatch) is not { } expected)
                    found.Problem($"Access batch {batch.Number} (position {batch.Position}): a record holds a value that the program never writes.");
                else if (!listed[batch.Number].SequenceEqual(expected))
                    found.Problem($"Access batch {batch.Number} (position {batch.Position}): the list of what it shows was changed, or is missing, and searches do not find its records.");
                else
                    found.AccessRecords += ofBatch.Count;
            }
        }
    }

    /// <summary>What searches go by, as the program writes it.</summary>
    /// <returns>Null when a record holds no list of ids; its digest can be right all the same.</returns>
    private static List<ListedKind>? ListOf(long number, List<Access> records)
    {
        var shown = new List<AccessedRecords>(records.Count);
        foreach (var record in records)
        {
            if (AccessBatch.IdsOf(record.Ids) is not { } ids || AccessBatch.IdsOf(record.PatientIds ?? "{}") is not { } patients)
                return null;
            shown.Add(new AccessedRecords { Kind = record.Kind, Ids = ids, PatientIds = patients });
        }

        return [.. AccessBatch.ListOf(shown, []).OrderBy(of => of.Key, StringComparer.Ordinal).Select(of => new ListedKind(number, of.Key, AccessBatch.Array(of.Value.Ids), AccessBatch.Array(of.Value.PatientIds)))];
    }

    /// <summary>Each erased event has one that tells of it, which may wait for its own position yet.</summary>
    private static async Task CheckErasures(Findings found, Database database, CancellationToken cancel)
    {
        foreach (var some in found.Erased.Chunk(1_000))
        {
            var subjects = some.ToDictionary(id => string.Create(CultureInfo.InvariantCulture, $"platform.event:{id}"), id => id, StringComparer.Ordinal);
            foreach (var explained in await database.List<string>(Explained, new { subjects = subjects.Keys.ToArray() }, cancel))
                subjects.Remove(explained);
            foreach (var id in subjects.Values.Order())
                found.Problem($"Event {id} was erased, and no event tells of it.");
        }
    }

    private static async Task FindUnknownBatches(Findings found, Database database, CancellationToken cancel)
    {
        for (var from = long.MinValue; ;)
        {
            var batches = await database.List<BatchOfLog>(NextBatches, new { from, first = FirstBatch, last = LastBatch }, cancel);
            foreach (var unknown in batches.Where(batch => !batch.IsKnown))
                found.Problem($"Access batch {unknown.Number} has no event: it was put there by another hand.");
            if (batches.Count == 0 || batches[^1].Number >= LastBatch)
                return;
            from = batches[^1].Number + 1;
        }
    }

    /// <summary>The walk along the chain.</summary>
    private sealed class Findings(Checkpoint? checkpoint, State began)
    {
        private byte[] hash = Chain.Genesis;

        public List<string> Problems { get; } = [];

        /// <summary>Up to here every entry holds.</summary>
        public long Position { get; private set; }

        /// <summary>The events whose payload was erased.</summary>
        public List<long> Erased { get; } = [];

        public long AccessRecords { get; set; }

        public bool IsWhole { get; private set; } = true;

        /// <summary>What follows cannot be told.</summary>
        public void Break() => IsWhole = false;

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
                Erased.Add(entry.EventId);
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
        }

        private string? WrongOf(Entry entry)
        {
            var expected = Position + 1;
            if (entry.Position < expected)
                return Invariant($"An entry stands at position {entry.Position}, before the first: it was put there by another hand.");
            if (entry.Position != expected)
                return Invariant($"Position {expected} is missing: the next entry is {entry.Position}.");
            if (entry.Id is null)
                return Invariant($"Position {expected}: event {entry.EventId} is missing.");
            if (entry.Payload is null && entry.Name is (AccessLog.Recorded or EraseEvent.Erased))
                return Invariant($"Position {expected}: event {entry.EventId} was erased, and the audit stands on it.");
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
