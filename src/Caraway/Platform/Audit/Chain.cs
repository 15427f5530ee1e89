using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Caraway.Platform.Audit;

/// <summary>What of an event goes into the chain beside its payload's digest; never erased.</summary>
/// <param name="At">UTC, whole microseconds.</param>
internal sealed record Envelope(long Id, DateTime At, string Name, string Subject, string Actor, string? OnBehalfOf, string? RequestId, string? Address);

/// <summary>
/// The tamper-evident chain over events: <c>hash = sha256(previous hash || position || envelope || digest)</c>. Numbers are 8 bytes, big
/// endian; texts are their length in bytes (4 bytes, big endian; -1 for null) and their UTF-8, so that no two envelopes are written alike.
/// </summary>
internal static class Chain
{
    public const int HashLength = SHA256.HashSizeInBytes;

    /// <summary>What the first event follows.</summary>
    public static byte[] Genesis { get; } = new byte[HashLength];

    /// <summary>Microseconds since 1970, the precision of PostgreSQL.</summary>
    public static long Microseconds(DateTime at) => (at - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    public static byte[] Hash(byte[] previous, long position, Envelope envelope, byte[] digest)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(previous);
        Append(sha, position);
        Append(sha, envelope.Id);
        Append(sha, Microseconds(envelope.At));
        Append(sha, envelope.Name);
        Append(sha, envelope.Subject);
        Append(sha, envelope.Actor);
        Append(sha, envelope.OnBehalfOf);
        Append(sha, envelope.RequestId);
        Append(sha, envelope.Address);
        sha.AppendData(digest);
        return sha.GetHashAndReset();
    }

    /// <summary>The digest that the database's trigger makes of a payload: <c>sha256(salt || payload)</c>.</summary>
    public static byte[] Digest(byte[] salt, string payload)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(salt);
        sha.AppendData(Encoding.UTF8.GetBytes(payload));
        return sha.GetHashAndReset();
    }

    internal static void Append(IncrementalHash sha, long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, number);
        sha.AppendData(bytes);
    }

    internal static void Append(IncrementalHash sha, string? text)
    {
        var utf8 = text is null ? [] : Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(length, text is null ? -1 : utf8.Length);
        sha.AppendData(length);
        sha.AppendData(utf8);
    }
}
