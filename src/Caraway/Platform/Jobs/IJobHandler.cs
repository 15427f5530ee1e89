using Caraway.Platform.Postgres;

namespace Caraway.Platform.Jobs;

/// <summary>What a kind of job does. Its writes and the jobs' end are one transaction, so effects happen once.</summary>
internal interface IJobHandler
{
    /// <summary>The <c>kind</c> of the jobs that it does.</summary>
    string Kind { get; }

    /// <summary>Says that the jobs were begun, in the claim's own transaction; nothing by default.</summary>
    Task Begin(IReadOnlyList<Job> jobs, Database database, CancellationToken cancel) => Task.CompletedTask;

    /// <summary>
    /// Does the jobs. An exception undoes all of them; when there are several, each is then tried alone, so that one bad job holds up no
    /// other. What is alone and throws is tried again later.
    /// </summary>
    /// <returns>A result for each job, in their order.</returns>
    Task<IReadOnlyList<JobResult>> Handle(IReadOnlyList<Job> jobs, Database database, CancellationToken cancel);

    /// <summary>Says that a job has failed for good after its last try, in the transaction that parks it; nothing by default.</summary>
    Task Park(Job job, string sentence, Database database, CancellationToken cancel) => Task.CompletedTask;
}
