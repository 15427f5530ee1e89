using System.Globalization;

namespace Caraway.Bench.Peers;

/// <summary>A side in a process that can be killed. It takes orders from standard input and answers each with a line.</summary>
internal static class SideProgram
{
    public const string AddressVariable = "CARAWAY_PEERS_ADDRESS";

    private const int Callers = 8;

    public static async Task<int> Run(SideOptions options, CancellationToken cancel)
    {
        var address = Environment.GetEnvironmentVariable(AddressVariable)
            ?? throw new InvalidOperationException($"Set {AddressVariable}.");
        await using var side = options.Create(address);
        await side.Prepare(cancel);
        Console.WriteLine("ready");
        while (await Console.In.ReadLineAsync(cancel) is { } line)
        {
            await Obey(line.Split(' '), side, cancel);
            Console.WriteLine("done");
        }

        return 0;
    }

    private static async Task Obey(string[] order, ISide side, CancellationToken cancel)
    {
        long Number(int at) => long.Parse(order[at], CultureInfo.InvariantCulture);
        switch (order[0])
        {
            case "work":
                await side.Work(cancel);
                break;
            case "rest":
                await side.Rest(cancel);
                break;
            case "queue":
                await Queue(side, Number(1), Number(2), cancel);
                break;
            case "pace":
                await Pace(side, Number(1), Number(2), Number(3), cancel);
                break;
            case "load":
                // Until the process is killed.
                _ = Load(side, Number(1), cancel);
                break;
            default:
                throw new InvalidOperationException($"{order[0]} is not an order.");
        }
    }

    private static async Task Queue(ISide side, long first, long count, CancellationToken cancel)
    {
        var next = first - 1;
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(
            async () =>
            {
                while (Interlocked.Increment(ref next) is var number && number < first + count)
                    await side.Queue(number, cancel);
            },
            cancel)));
        await side.Flush(cancel);
    }

    /// <summary>At most a hundred changes a second, so that the slowest side can keep up.</summary>
    private static async Task Load(ISide side, long first, CancellationToken cancel)
    {
        for (var number = first; ; number++)
        {
            await side.Queue(number, cancel);
            await Task.Delay(10, cancel);
        }
    }

    private static async Task Pace(ISide side, long first, long perSecond, long seconds, CancellationToken cancel)
    {
        var began = TimeProvider.System.GetTimestamp();
        var queueing = new List<Task>();
        for (var i = 0L; i < perSecond * seconds; i++)
        {
            var wait = TimeSpan.FromSeconds((double)i / perSecond) - TimeProvider.System.GetElapsedTime(began);
            if (wait > TimeSpan.Zero)
                await Task.Delay(wait, cancel);
            var number = first + i;
            queueing.Add(Task.Run(() => side.Queue(number, cancel), cancel));
        }

        await Task.WhenAll(queueing);
        await side.Flush(cancel);
    }
}
