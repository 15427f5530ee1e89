using System.Text.Json;

namespace Caraway.Platform.Audit;

/// <summary>What the event of a batch of access records says about the batch.</summary>
/// <param name="Position">The event's position in the chain.</param>
internal sealed record AnnouncedBatch(long Position, long Number, int Records, string Digest)
{
    /// <summary>The highest number that a batch can have.</summary>
    public const long MaxNumber = (long.MaxValue >> AccessBatch.PlaceBits) - 1;

    /// <summary>A record of a batch, as it is in the database.</summary>
    public sealed record Row(
        long Id, DateTime At, string Actor, string RequestId, string? Address, string Action, string? Reason, string Kind, string Ids,
        string? PatientIds)
    {
        public AccessRecord ToRecord() => new(At, Actor, RequestId, Address, Action, Reason, Kind, Ids, PatientIds);
    }

    /// <summary>A row by which searches find the batch.</summary>
    public sealed record IndexRow(long Batch, string Kind, string Ids, string PatientIds);

    /// <returns>Null when the access log did not write the event.</returns>
    public static AnnouncedBatch? Parse(ChainEntry entry)
    {
        try
        {
            using var json = JsonDocument.Parse(entry.Payload!);
            var root = json.RootElement;
            return root.ValueKind == JsonValueKind.Object
                && root.TryGetProperty("batch", out var number) && number.ValueKind == JsonValueKind.Number
                && number.TryGetInt64(out var batch) && batch is > 0 and <= MaxNumber
                && root.TryGetProperty("records", out var count) && count.ValueKind == JsonValueKind.Number
                && count.TryGetInt32(out var records)
                && root.TryGetProperty("digest", out var digest) && digest.ValueKind == JsonValueKind.String
                && entry.Subject == $"platform.access_batch:{batch}"
                ? new AnnouncedBatch(entry.Position, batch, records, digest.GetString()!)
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Compares the batch's rows with its event.</summary>
    /// <returns>A sentence when they differ, null when they agree.</returns>
    public string? FindProblem(IReadOnlyList<Row> rows, IEnumerable<IndexRow> index)
    {
        var batch = $"Access batch {Number} (position {Position})";
        if (rows.Count != Records)
            return $"{batch} had {Records} records and has {rows.Count}.";
        if (rows.Index().Any(row => row.Item.Id != (Number << AccessBatch.PlaceBits) + row.Index + 1)
            || AccessBatch.Digest(rows.Select(row => row.ToRecord())) != Digest)
            return $"{batch}: a record was changed.";
        if (ExpectedIndex(rows) is not { } expected)
            return $"{batch}: a record holds a value that the program never writes.";
        return index.SequenceEqual(expected)
            ? null
            : $"{batch}: its search index was changed or is missing, so searches do not find its records.";
    }

    /// <returns>Null when a record does not hold lists of ids; its digest can be right all the same.</returns>
    private List<IndexRow>? ExpectedIndex(IReadOnlyList<Row> rows)
    {
        var accessed = new List<AccessedRecords>(rows.Count);
        foreach (var row in rows)
        {
            if (IdArray.Parse(row.Ids) is not { } ids || IdArray.Parse(row.PatientIds ?? "{}") is not { } patients)
                return null;
            accessed.Add(new AccessedRecords { Kind = row.Kind, Ids = ids, PatientIds = patients });
        }

        return
        [
            .. AccessBatch.GroupByKind(accessed, []).OrderBy(kind => kind.Key, StringComparer.Ordinal)
                .Select(kind => new IndexRow(Number, kind.Key, IdArray.Write(kind.Value.Ids), IdArray.Write(kind.Value.PatientIds))),
        ];
    }
}
