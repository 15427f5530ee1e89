using System.ComponentModel.DataAnnotations;

namespace Caraway.Platform.Jobs;

/// <summary>How jobs are worked on (section <c>Jobs</c>).</summary>
internal sealed class JobOptions
{
    /// <summary><c>ENABLE_BACKGROUND_WORKERS</c>: off leaves jobs queued.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Workers of a queue in one process, each with a connection of its own while it works.</summary>
    [Range(1, 64)]
    public int Concurrency { get; set; } = 2;

    /// <summary>Queues that need another number of workers than <see cref="Concurrency"/>: <c>Jobs__Queues__documents=4</c>.</summary>
    public Dictionary<string, int> Queues { get; set; } = new(StringComparer.Ordinal);

    /// <summary>How many jobs a worker claims at once.</summary>
    [Range(1, 1000)]
    public int Batch { get; set; } = 50;

    /// <summary>How long a claimed job is its worker's without a renewal, in seconds; a lost worker's jobs return after it.</summary>
    [Range(1, 3600)]
    public int LeaseSeconds { get; set; } = 30;

    /// <summary>How long an idle worker waits before it looks for other processes' jobs (this process's own wake it), in milliseconds.</summary>
    [Range(10, 60_000)]
    public int PollMilliseconds { get; set; } = 500;

    /// <summary>Tries before a job is parked as failed.</summary>
    [Range(1, 100)]
    public int MaxAttempts { get; set; } = 8;

    /// <summary>How long succeeded jobs are kept, in days.</summary>
    [Range(1, 3650)]
    public int KeepDays { get; set; } = 30;
}
