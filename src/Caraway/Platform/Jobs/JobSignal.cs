using System.Collections.Concurrent;

namespace Caraway.Platform.Jobs;

/// <summary>
/// Tells this process's workers that a queue has a new job, so that none waits for the next poll. Other processes' workers poll. Nothing is
/// lost with it: the job is in the database.
/// </summary>
internal sealed class JobSignal
{
    private readonly ConcurrentDictionary<string, SemaphoreSlim> waiting = new(StringComparer.Ordinal);

    /// <summary>Wakes one idle worker of the queue. Call it once the job is committed (<c>Database.AfterCommit</c>).</summary>
    public void Queued(string queue)
    {
        var semaphore = Of(queue);
        // Two callers may both release: one round that finds nothing.
        if (semaphore.CurrentCount == 0)
            semaphore.Release();
    }

    /// <summary>Waits until a job was queued here, or the time is over.</summary>
    public Task Wait(string queue, TimeSpan longest, CancellationToken cancel) => Of(queue).WaitAsync(longest, cancel);

    private SemaphoreSlim Of(string queue) => waiting.GetOrAdd(queue, _ => new SemaphoreSlim(0));
}
