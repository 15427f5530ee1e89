using Caraway.Platform.Http;

namespace Caraway.Care;

/// <summary>A background task as the API shows it: the job that confirms an appointment.</summary>
internal static class AppointmentTask
{
    /// <param name="ExternalReference">The job, as the logs name it.</param>
    /// <param name="Outcome">confirmed, or skipped when the appointment was not pending any more; null until the task succeeds.</param>
    /// <param name="ErrorMessage">Why the last attempt failed, as a sentence.</param>
    /// <param name="Attempts">The number of attempts that began.</param>
    public sealed record Response(
        long Id, string TaskName, [property: TaskStatusWord] string Status, long AppointmentId, string ExternalReference,
        string? Outcome, string? ErrorMessage, int Attempts, DateTime CreatedAt, DateTime UpdatedAt);

    internal const string Columns = """
        j.id, j.kind as task_name, j.state as status, a.id as appointment_id, 'platform.job:' || j.id as external_reference, j.outcome,
            j.error as error_message, j.attempt as attempts, j.created_at, j.updated_at
        """;
}

/// <summary>Lists the states of a task in the OpenAPI document, in the order in which a task has them.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class TaskStatusWordAttribute : Attribute, IWords
{
    public IReadOnlyList<string> Words { get; } = ["queued", "running", "succeeded", "failed"];
}
