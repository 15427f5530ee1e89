using System.Collections.Concurrent;

namespace Caraway.Platform.Jobs;

/// <summary>
/// Wakes the workers of this process when a queue has a new job, so that they do not wait for the next poll. The workers of other processes
/// poll. A lost signal loses no job, because the job is in the database.
/// </summary>
internal sealed class JobSignal
{
    private readonly ConcurrentDictionary<string, SemaphoreSlim> waiting = new(StringComparer.Ordinal);

    /// <summary>Wakes one idle worker of the queue. Call it once the job is committed (<c>Database.AfterCommit</c>).</summary>
    public void Queued(string queue)
    {
        var semaphore = SemaphoreOf(queue);
        // Two concurrent callers may both release; a worker then looks once in vain.
        if (semaphore.CurrentCount == 0)
            semaphore.Release();
    }

    /// <summary>Waits until this process queues a job, or the time is over.</summary>
    public Task Wait(string queue, TimeSpan longest, CancellationToken cancel) => SemaphoreOf(queue).WaitAsync(longest, cancel);

    private SemaphoreSlim SemaphoreOf(string queue) => waiting.GetOrAdd(queue, _ => new SemaphoreSlim(0));
}
