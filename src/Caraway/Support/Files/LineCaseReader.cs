using System.Runtime.CompilerServices;

namespace Caraway.Support.Files;

/// <summary>One JSON object a line. Blank lines are skipped, and a line that is not JSON does not spoil the others.</summary>
internal sealed class LineCaseReader(HashedStream source, CaseRowCheck check) : CaseReader(check)
{
    private readonly ReadBuffer bytes = new(source);

    public override async IAsyncEnumerable<Item> Read([EnumeratorCancellation] CancellationToken cancel)
    {
        var isEmpty = true;
        await bytes.SkipMark(cancel);
        while (true)
        {
            var length = bytes.Span.IndexOf((byte)'\n');
            if (length < 0 && !bytes.IsLast && bytes.Span.Length < LongestRow)
            {
                await bytes.Fill(cancel);
                continue;
            }

            if (length < 0 && !bytes.IsLast)
            {
                yield return Fault(bytes.Line, "#", TooLong);
                yield break;
            }

            var text = length < 0 ? bytes.Memory : bytes.Memory[..length];
            if (text.Span.ContainsAnyExcept(" \t\r"u8))
            {
                isEmpty = false;
                yield return Parse(text, bytes.Line, "#");
            }

            if (length < 0)
                break;
            bytes.Take(length + 1);
        }

        if (isEmpty)
            yield return Fault(1, "#", Empty);
    }
}
