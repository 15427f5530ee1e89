using System.Diagnostics;
using System.Globalization;
using Caraway.Platform.Hosting;

namespace Caraway.Bench;

/// <summary>
/// <c>export cases</c> of many support cases, <c>import cases</c> of that file into an empty database, and the export of that one. Both
/// files must be equal.
/// </summary>
internal sealed class FileBench(BenchDatabase database, int rows)
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(100);

    public async Task<IReadOnlyList<FileFigure>> Run(CancellationToken cancel)
    {
        var folder = Directory.CreateTempSubdirectory("caraway-bench-");
        try
        {
            var (first, second) = (Path.Combine(folder.FullName, "first.json"), Path.Combine(folder.FullName, "second.json"));
            await SupportCases.LoadSentences(database, cancel);
            await SupportCases.Fill(database, rows, cancel);
            await database.Settle(cancel);
            var export = await Measure("export cases", database, first, cancel);
            await using var empty = await BenchDatabase.Create(cancel);
            var import = await Measure("import cases", empty, first, cancel);
            await Measure("export cases", empty, second, cancel);
            if (!Same(first, second))
                throw new CommandException(ExitCode.Failed, "The export of the imported cases differs from the export of the first ones.");
            return [export, import];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private async Task<FileFigure> Measure(string command, BenchDatabase at, string file, CancellationToken cancel)
    {
        var start = HttpBench.Product(at, 0);
        start.ArgumentList[1] = command.Split(' ')[0];
        start.ArgumentList.Add(command.Split(' ')[1]);
        start.ArgumentList.Add(file);
        start.RedirectStandardError = true;
        var watch = Stopwatch.StartNew();
        using var process = Process.Start(start)!;
        var said = process.StandardError.ReadToEndAsync(cancel);
        var peak = 0L;
        while (!process.HasExited)
        {
            process.Refresh();
            peak = Math.Max(peak, process.HasExited ? 0 : process.PeakWorkingSet64);
            await Task.Delay(BetweenLooks, cancel);
        }

        if (process.ExitCode != 0)
            throw new CommandException(ExitCode.Failed, $"{command} ended with {process.ExitCode}: {await said}");
        var figure = new FileFigure(command, rows, rows / watch.Elapsed.TotalSeconds, peak / 1024.0 / 1024);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{command}: {figure.RowsPerSecond:#,0}/s"));
        return figure;
    }

    private static bool Same(string one, string other)
    {
        using var first = new BufferedStream(File.OpenRead(one), 1 << 16);
        using var second = new BufferedStream(File.OpenRead(other), 1 << 16);
        int left;
        do
        {
            left = first.ReadByte();
            if (left != second.ReadByte())
                return false;
        }
        while (left >= 0);

        return true;
    }
}

/// <param name="PeakMegabytes">The most resident memory of the command's process, in MiB. The database is another process.</param>
internal sealed record FileFigure(string Command, int Rows, double RowsPerSecond, double PeakMegabytes);
