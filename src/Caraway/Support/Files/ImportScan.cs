using Caraway.Platform.Http;

namespace Caraway.Support.Files;

/// <summary>The result of reading a whole file: its rows and its faults.</summary>
internal sealed class ImportScan
{
    /// <summary>More faults than this are counted and not kept.</summary>
    public const int MostFaults = 1_000;

    public long Rows { get; private set; }

    public long FaultCount { get; private set; }

    /// <summary>The first faults, in the order of the file.</summary>
    public List<ProblemError> Faults { get; } = [];

    public bool IsGood => FaultCount == 0;

    /// <param name="take">Gets each good row, until the first fault.</param>
    public static async Task<ImportScan> Run(CaseReader reader, Func<ImportRow, ValueTask> take, CancellationToken cancel)
    {
        var scan = new ImportScan();
        await foreach (var item in reader.Read(cancel))
        {
            scan.FaultCount += item.Faults.Count;
            scan.Faults.AddRange(item.Faults.Take(MostFaults - scan.Faults.Count));
            if (item.Row is { } row && scan.IsGood)
                await take(row);
        }

        scan.Rows = reader.Rows;
        return scan;
    }
}
