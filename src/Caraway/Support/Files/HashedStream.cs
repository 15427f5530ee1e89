using System.Security.Cryptography;

namespace Caraway.Support.Files;

/// <summary>Counts and hashes (sha256) what is read through it. The source stays open.</summary>
internal sealed class HashedStream(Stream source) : Stream
{
    private const int Peeked = 4096;

    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private byte[] ahead = [];

    /// <summary>Bytes that were read from the source.</summary>
    public long Count { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Reads the first bytes, up to a line feed or 4 KiB, without taking them. Call it before any reading.</summary>
    public async Task<ReadOnlyMemory<byte>> Peek(CancellationToken cancel)
    {
        var buffer = new byte[Peeked];
        var filled = 0;
        while (filled < Peeked && !buffer.AsSpan(0, filled).Contains((byte)'\n'))
        {
            var read = await ReadSource(buffer.AsMemory(filled), cancel);
            if (read == 0)
                break;
            filled += read;
        }

        return ahead = buffer[..filled];
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (ahead.Length == 0)
            return await ReadSource(buffer, cancellationToken);
        var count = Math.Min(ahead.Length, buffer.Length);
        ahead.AsSpan(0, count).CopyTo(buffer.Span);
        ahead = ahead[count..];
        return count;
    }

    /// <summary>Reads the rest, which the hash needs.</summary>
    /// <returns>The sha256 of all.</returns>
    public async Task<byte[]> Finish(CancellationToken cancel)
    {
        var buffer = new byte[64 * 1024];
        while (await ReadSource(buffer, cancel) > 0)
        {
        }

        return hash.GetCurrentHash();
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            hash.Dispose();
        base.Dispose(disposing);
    }

    private async ValueTask<int> ReadSource(Memory<byte> buffer, CancellationToken cancel)
    {
        var read = await source.ReadAsync(buffer, cancel);
        hash.AppendData(buffer.Span[..read]);
        Count += read;
        return read;
    }
}
