using System.Globalization;
using Caraway.Platform.Http;

namespace Caraway.Support.Files;

/// <summary>The result of reading a whole file: its rows and its faults.</summary>
internal sealed class ImportScan
{
    /// <summary>More faults than this are counted and not kept.</summary>
    public const int MostFaults = 1_000;

    /// <summary>
    /// The most rows of a file over HTTP. The shortest row of an export has 130 bytes, so a file of 64 MiB that an export wrote has fewer.
    /// But a row can have 3 bytes, and then anybody's one request would open 22 million cases.
    /// </summary>
    public const int MostRows = 500_000;

    public long Rows { get; private set; }

    public long FaultCount { get; private set; }

    /// <summary>The first faults, in the order of the file. One more than <see cref="MostFaults"/> when it has too many rows.</summary>
    public List<ProblemError> Faults { get; } = [];

    public bool IsGood => FaultCount == 0;

    /// <param name="take">Gets each good row, until the first fault.</param>
    /// <param name="mostRows">More rows are a fault, and are not read.</param>
    public static async Task<ImportScan> Run(
        CaseReader reader, Func<ImportRow, ValueTask> take, long mostRows, CancellationToken cancel)
    {
        var scan = new ImportScan();
        await foreach (var item in reader.Read(cancel))
        {
            if (reader.Rows > mostRows)
            {
                scan.FaultCount++;
                scan.Faults.Insert(0, TooMany(mostRows));
                break;
            }

            scan.FaultCount += item.Faults.Count;
            scan.Faults.AddRange(item.Faults.Take(MostFaults - scan.Faults.Count));
            if (item.Row is { } row && scan.IsGood)
                await take(row);
        }

        scan.Rows = reader.Rows;
        return scan;
    }

    private static ProblemError TooMany(long most)
    {
        var rows = most.ToString("#,0", CultureInfo.InvariantCulture);
        return new ProblemError("#", $"The file has more than {rows} rows. Split it, or use ./caraway import cases.") { Line = 1 };
    }
}
