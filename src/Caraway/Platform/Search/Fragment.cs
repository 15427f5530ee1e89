using System.Text;

namespace Caraway.Platform.Search;

/// <summary>
/// A part of a text, and where the words of the query are in it. The text is plain: it is not HTML, and has no marks inside.
/// </summary>
public sealed record Fragment(string Text, IReadOnlyList<Fragment.Mark> Marks)
{
    /// <summary>Control characters, which the text cannot have itself: the statement removes them from it.</summary>
    private const char Begin = '\u0002';

    private const char End = '\u0003';

    /// <summary>The options of <c>ts_headline</c>, as an SQL text.</summary>
    internal const string Options = "E'StartSel=\\x02,StopSel=\\x03,MaxWords=30,MinWords=12,ShortWord=0'";

    /// <summary>A match.</summary>
    /// <param name="Start">From the beginning of the text, in UTF-16 units, as JavaScript, Java and .NET count.</param>
    public sealed record Mark(int Start, int Length);

    /// <param name="headline">The answer of <see cref="TextMatch.Headline"/>.</param>
    internal static Fragment Read(string headline)
    {
        var text = new StringBuilder(headline.Length);
        var marks = new List<Mark>();
        var start = 0;
        foreach (var unit in headline)
        {
            if (unit == Begin)
                start = text.Length;
            else if (unit == End)
                marks.Add(new Mark(start, text.Length - start));
            else
                text.Append(unit is '\r' or '\n' or '\t' ? ' ' : unit);
        }

        return new Fragment(text.ToString(), marks);
    }
}
