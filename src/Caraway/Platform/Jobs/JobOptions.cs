using System.ComponentModel.DataAnnotations;

namespace Caraway.Platform.Jobs;

/// <summary>Settings of the job workers (section <c>Jobs</c>).</summary>
internal sealed class JobOptions
{
    /// <summary><c>ENABLE_BACKGROUND_WORKERS</c>: when it is false, jobs stay queued.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Number of workers of each queue in one process. A working worker uses one connection.</summary>
    [Range(1, 64)]
    public int Concurrency { get; set; } = 2;

    /// <summary>Queues with another number of workers than <see cref="Concurrency"/>: <c>Jobs__Queues__documents=4</c>.</summary>
    public Dictionary<string, int> Queues { get; set; } = new(StringComparer.Ordinal);

    /// <summary>Number of jobs that a worker claims at once.</summary>
    [Range(1, 1000)]
    public int Batch { get; set; } = 50;

    /// <summary>Seconds until a claim ends that its worker does not renew. The jobs of a lost worker are then queued again.</summary>
    [Range(1, 3600)]
    public int LeaseSeconds { get; set; } = 30;

    /// <summary>
    /// Milliseconds that an idle worker waits before it looks for jobs of other processes. Jobs of its own process wake it.
    /// </summary>
    [Range(10, 60_000)]
    public int PollMilliseconds { get; set; } = 500;

    /// <summary>Number of attempts before a job is parked as failed.</summary>
    [Range(1, 100)]
    public int MaxAttempts { get; set; } = 8;

    /// <summary>Days for which succeeded jobs are kept.</summary>
    [Range(1, 3650)]
    public int KeepDays { get; set; } = 30;
}
