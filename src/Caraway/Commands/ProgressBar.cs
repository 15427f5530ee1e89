using System.Diagnostics;
using System.Globalization;

namespace Caraway.Commands;

/// <summary>How far a long command is, its rate and the time left, on standard error: one line rewritten on a terminal, a line a step elsewhere.</summary>
internal sealed class ProgressBar(long total) : IDisposable
{
    private const int Width = 30;

    private readonly Stopwatch watch = Stopwatch.StartNew();
    private readonly bool isTerminal = !Console.IsErrorRedirected;

    public void Show(long done)
    {
        var part = total == 0 ? 1 : (double)done / total;
        var rate = done / Math.Max(watch.Elapsed.TotalSeconds, 0.001);
        var left = rate > 0 ? (total - done) / rate : 0;
        var bar = new string('#', (int)(part * Width)).PadRight(Width, '.');
        var line = string.Create(CultureInfo.InvariantCulture, $"[{bar}] {part,4:0%}  {done:#,0} of {total:#,0}  {rate:#,0}/s  {left:0} s left");
        if (isTerminal)
            Console.Error.Write("\r" + line + " ");
        else
            Console.Error.WriteLine(line);
    }

    public void Dispose()
    {
        if (isTerminal)
            Console.Error.WriteLine();
    }
}
