using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Caraway.Platform.Events;

/// <summary>The fields of an event that its chain entry protects, besides the payload's digest. An erasure does not change them.</summary>
/// <param name="At">UTC, whole microseconds.</param>
internal sealed record Envelope(
    long Id, DateTime At, string Name, string Subject, string Actor, string? OnBehalfOf, string? RequestId, string? Address);

/// <summary>
/// The tamper-evident chain over events: <c>hash = sha256(previous hash || position || envelope || digest)</c>. A number is 8 bytes, big
/// endian. A text is its length in bytes (4 bytes, big endian; -1 for null) and its UTF-8, so that two different envelopes never give the
/// same bytes.
/// </summary>
internal static class Chain
{
    public const int HashLength = SHA256.HashSizeInBytes;

    /// <summary>The previous hash of the first entry.</summary>
    public static byte[] Genesis { get; } = new byte[HashLength];

    /// <summary>Microseconds since 1970, the precision of PostgreSQL.</summary>
    public static long Microseconds(DateTime at) => (at - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    public static byte[] Hash(byte[] previous, long position, Envelope envelope, byte[] digest)
    {
        var text = new ArrayBufferWriter<byte>(512);
        text.Write(previous);
        Append(text, position);
        Append(text, envelope.Id);
        Append(text, Microseconds(envelope.At));
        Append(text, envelope.Name);
        Append(text, envelope.Subject);
        Append(text, envelope.Actor);
        Append(text, envelope.OnBehalfOf);
        Append(text, envelope.RequestId);
        Append(text, envelope.Address);
        text.Write(digest);
        return SHA256.HashData(text.WrittenSpan);
    }

    /// <summary>The digest that the database's trigger computes: <c>sha256(salt || payload)</c>.</summary>
    public static byte[] Digest(byte[] salt, string payload)
    {
        var text = new ArrayBufferWriter<byte>(salt.Length + payload.Length + 16);
        text.Write(salt);
        Encoding.UTF8.GetBytes(payload, text);
        return SHA256.HashData(text.WrittenSpan);
    }

    internal static void Append(ArrayBufferWriter<byte> text, long number)
    {
        BinaryPrimitives.WriteInt64BigEndian(text.GetSpan(sizeof(long)), number);
        text.Advance(sizeof(long));
    }

    internal static void Append(ArrayBufferWriter<byte> text, string? value)
    {
        var length = value is null ? -1 : Encoding.UTF8.GetByteCount(value);
        BinaryPrimitives.WriteInt32BigEndian(text.GetSpan(sizeof(int)), length);
        text.Advance(sizeof(int));
        if (value is not null)
            Encoding.UTF8.GetBytes(value, text);
    }
}
