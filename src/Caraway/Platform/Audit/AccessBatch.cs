using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Caraway.Platform.Events;

namespace Caraway.Platform.Audit;

/// <summary>The format of a batch of access records. The access log writes by these rules, and the verifier checks by them.</summary>
internal static class AccessBatch
{
    /// <summary>A record's id is its batch's number, shifted left by this many bits, plus its place in the batch, from 1.</summary>
    public const int PlaceBits = 16;

    /// <summary>
    /// The digest in the batch's event: sha256, in hex, over all fields of all records in their order, each field written as in
    /// <see cref="Chain"/>.
    /// </summary>
    public static string Digest(IEnumerable<AccessRecord> records)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var text = new ArrayBufferWriter<byte>(1024);
        foreach (var record in records)
        {
            text.ResetWrittenCount();
            Chain.Append(text, Chain.Microseconds(record.At));
            Chain.Append(text, record.Actor);
            Chain.Append(text, record.RequestId);
            Chain.Append(text, record.Address);
            Chain.Append(text, record.Action);
            Chain.Append(text, record.Reason);
            Chain.Append(text, record.Kind);
            Chain.Append(text, record.Ids);
            Chain.Append(text, record.PatientIds);
            hash.AppendData(text.WrittenSpan);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The rows by which searches find a batch: for each kind, the ids and the patients, ascending, each once.</summary>
    /// <param name="lists">Lists that each call fills again: a batch can hold some hundred thousand ids.</param>
    public static IEnumerable<KeyValuePair<string, (List<long> Ids, List<long> PatientIds)>> GroupByKind(
        IEnumerable<AccessedRecords> batch, Dictionary<string, (List<long> Ids, List<long> PatientIds)> lists)
    {
        foreach (var (ids, patients) in lists.Values)
        {
            ids.Clear();
            patients.Clear();
        }

        foreach (var records in batch)
        {
            if (!lists.TryGetValue(records.Kind, out var kind))
                lists.Add(records.Kind, kind = ([], []));
            kind.Ids.AddRange(records.Ids);
            kind.PatientIds.AddRange(records.PatientIds ?? []);
        }

        foreach (var (ids, patients) in lists.Values)
        {
            SortAndRemoveDuplicates(ids);
            SortAndRemoveDuplicates(patients);
        }

        return lists.Where(kind => kind.Value.Ids.Count > 0);
    }

    private static void SortAndRemoveDuplicates(List<long> ids)
    {
        ids.Sort();
        var count = 0;
        foreach (var id in CollectionsMarshal.AsSpan(ids))
        {
            if (count == 0 || ids[count - 1] != id)
                ids[count++] = id;
        }

        ids.RemoveRange(count, ids.Count - count);
    }
}
