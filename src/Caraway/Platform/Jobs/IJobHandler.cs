using Caraway.Platform.Postgres;

namespace Caraway.Platform.Jobs;

/// <summary>Does the jobs of one kind. Its writes and the end of the jobs are one transaction, so effects happen once.</summary>
internal interface IJobHandler
{
    /// <summary>The <c>kind</c> of its jobs.</summary>
    string Kind { get; }

    /// <summary>The most jobs that <see cref="Handle"/> gets at once, in one transaction.</summary>
    int Most => int.MaxValue;

    /// <summary>Runs in the transaction that claims the jobs, before they are done. The default does nothing.</summary>
    Task Begin(IReadOnlyList<Job> jobs, Database database, CancellationToken cancel) => Task.CompletedTask;

    /// <summary>
    /// Does the jobs. An exception undoes all of them. If there are several, each is then tried alone, so that one failing job does not
    /// hold up the others. A job that fails alone is tried again later.
    /// </summary>
    /// <returns>A result for each job, in the order of the jobs.</returns>
    Task<IReadOnlyList<JobResult>> Handle(IReadOnlyList<Job> jobs, Database database, CancellationToken cancel);

    /// <summary>Runs in the transaction that parks a job after its last failed attempt. The default does nothing.</summary>
    Task Park(Job job, string sentence, Database database, CancellationToken cancel) => Task.CompletedTask;
}
