using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Caraway.Platform.Audit;

/// <summary>What a batch of access records is made of, for who writes it and who verifies it.</summary>
internal static class AccessBatch
{
    /// <summary>An id is its batch's number, shifted by so many bits, and its place in the batch.</summary>
    public const int PlaceBits = 16;

    /// <summary>An access as it is written.</summary>
    /// <param name="At">UTC, whole microseconds.</param>
    /// <param name="Ids">As PostgreSQL writes an array: <c>{1,2}</c>.</param>
    public sealed record Record(DateTime At, string Actor, string RequestId, string? Address, string Action, string? Reason, string Kind, string Ids, string? PatientIds);

    /// <summary>What the batch's event says of its records: sha256, in hex, over all their fields, in their order, each written as in <see cref="Chain"/>.</summary>
    public static string Digest(IEnumerable<Record> records)
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

    /// <summary>What searches find a batch by: for each kind of thing that it shows, the ids and the patients, once each and ascending.</summary>
    /// <param name="listed">Lists to put them into, used again and again: a batch of lists is some hundred thousand ids.</param>
    public static IEnumerable<KeyValuePair<string, (List<long> Ids, List<long> PatientIds)>> ListOf(
        IEnumerable<AccessedRecords> batch, Dictionary<string, (List<long> Ids, List<long> PatientIds)> listed)
    {
        foreach (var (ids, patients) in listed.Values)
        {
            ids.Clear();
            patients.Clear();
        }

        foreach (var shown in batch)
        {
            if (!listed.TryGetValue(shown.Kind, out var of))
                listed.Add(shown.Kind, of = ([], []));
            of.Ids.AddRange(shown.Ids);
            of.PatientIds.AddRange(shown.PatientIds ?? []);
        }

        foreach (var (ids, patients) in listed.Values)
        {
            SortOnce(ids);
            SortOnce(patients);
        }

        return listed.Where(of => of.Value.Ids.Count > 0);
    }

    public static string Array(IEnumerable<long> ids) => "{" + string.Join(',', ids.Select(id => id.ToString(CultureInfo.InvariantCulture))) + "}";

    /// <summary>The ids of an array.</summary>
    /// <param name="array">As PostgreSQL writes one: <c>{1,2}</c>.</param>
    /// <returns>Null when it is no list of ids.</returns>
    public static long[]? IdsOf(string array)
    {
        if (array is not ['{', .. var items, '}'])
            return null;
        var ids = new List<long>();
        foreach (var item in items.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!long.TryParse(item, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var id))
                return null;
            ids.Add(id);
        }

        return [.. ids];
    }

    private static void SortOnce(List<long> ids)
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
