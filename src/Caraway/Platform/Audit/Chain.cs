using System.Buffers;
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

    /// <summary>The digest that the database's trigger makes of a payload: <c>sha256(salt || payload)</c>.</summary>
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
