namespace Caraway.Support.Files;

/// <summary>The bytes of a stream that are read and not yet taken. It grows for a long row.</summary>
internal sealed class ReadBuffer(HashedStream source)
{
    private static ReadOnlySpan<byte> Mark => [0xEF, 0xBB, 0xBF];

    private byte[] bytes = new byte[64 * 1024];
    private int start;
    private int end;

    /// <summary>The line of the first byte, from 1.</summary>
    public long Line { get; private set; } = 1;

    /// <summary>Whether the stream has no more bytes than these.</summary>
    public bool IsLast { get; private set; }

    public ReadOnlyMemory<byte> Memory => bytes.AsMemory(start, end - start);

    public ReadOnlySpan<byte> Span => bytes.AsSpan(start, end - start);

    /// <summary>
    /// Reads at least as many bytes as there are, up to the length of the longest row. Its caller looks at all bytes again after that: if a
    /// sender's every byte were looked at with all before it, the work would grow with the square of the row's length.
    /// </summary>
    public async Task Fill(CancellationToken cancel)
    {
        var enough = Math.Min(2 * Span.Length, CaseReader.LongestRow);
        do
            await ReadMore(cancel);
        while (!IsLast && Span.Length < enough);
    }

    private async Task ReadMore(CancellationToken cancel)
    {
        if (start > 0)
        {
            bytes.AsSpan(start, end - start).CopyTo(bytes);
            (start, end) = (0, end - start);
        }

        if (end == bytes.Length)
            Array.Resize(ref bytes, 2 * bytes.Length);
        var read = await source.ReadAsync(bytes.AsMemory(end), cancel);
        end += read;
        IsLast = read == 0;
    }

    /// <summary>Takes the byte order mark, if the stream begins with one.</summary>
    public async Task SkipMark(CancellationToken cancel)
    {
        while (!IsLast && Span.Length < Mark.Length)
            await Fill(cancel);
        if (Span.StartsWith(Mark))
            start += Mark.Length;
    }

    public void Take(int count)
    {
        Line = LineAt(count);
        start += count;
    }

    /// <summary>The line of a byte.</summary>
    public long LineAt(int offset) => Line + Span[..offset].Count((byte)'\n');
}
