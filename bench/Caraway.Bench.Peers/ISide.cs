using System.Globalization;

namespace Caraway.Bench.Peers;

/// <summary>A job queue under measurement. Each job inserts its number into <c>peers.effects</c>.</summary>
internal interface ISide : IAsyncDisposable
{
    /// <summary>Makes the tables that the queue needs, and gets ready to queue jobs.</summary>
    Task Prepare(CancellationToken cancel);

    /// <summary>Inserts the number into <c>peers.changes</c> and queues its job in the same transaction.</summary>
    Task Queue(long number, CancellationToken cancel);

    /// <summary>Waits until workers can see every job that this process queued.</summary>
    Task Flush(CancellationToken cancel);

    /// <summary>Starts the workers.</summary>
    Task Work(CancellationToken cancel);

    /// <summary>Stops the workers.</summary>
    Task Rest(CancellationToken cancel);
}

/// <summary>How a side runs.</summary>
/// <param name="Name">Which queue.</param>
/// <param name="Workers">How many jobs, or batches of jobs, it works on at once.</param>
/// <param name="Batch">The most jobs of a transaction, where the queue can do several in one.</param>
internal sealed record SideOptions(string Name, int Workers, int Batch)
{
    /// <summary>How soon the jobs of a killed process should return.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(5);

    /// <summary>How often an idle worker looks for jobs that other processes queued.</summary>
    public static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    private const int UsualBatch = 50;

    public static IReadOnlyList<string> Names { get; } = 
        ["caraway", "hangfire", "wolverine", "wolverine-first", "wolverine-batches"];

    /// <param name="text"><c>NAME</c>, <c>NAME:WORKERS</c> or <c>NAME:WORKERS:BATCH</c>.</param>
    public static SideOptions Parse(string text, int workers)
    {
        var parts = text.Split(':');
        if (!Names.Contains(parts[0], StringComparer.Ordinal) || parts.Length > 3)
        {
            throw new ArgumentException(
                $"{text} is not a side. Sides: {string.Join(", ", Names)}, each with an optional :WORKERS:BATCH.", nameof(text));
        }

        int Number(int at, int otherwise) => parts.Length > at ? int.Parse(parts[at], CultureInfo.InvariantCulture) : otherwise;
        return new SideOptions(parts[0], Number(1, workers), Number(2, UsualBatch));
    }

    public ISide Create(string address) => Name switch
    {
        "caraway" => new CarawaySide(address, this),
        "hangfire" => new HangfireSide(address, Workers),
        "wolverine" => new WolverineSide(address, this, typeof(InsertEffectHandler)),
        "wolverine-first" => new WolverineSide(address, this, typeof(InsertEffectFirstHandler)),
        _ => new WolverineSide(address, this, typeof(InsertEffectsHandler)),
    };

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name}:{Workers}:{Batch}");
}
