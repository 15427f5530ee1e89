using Caraway.Platform.Http;

namespace Caraway.Care;

/// <summary>A background task as the API shows it: the job <c>schedule_appointment</c>, which confirms an appointment.</summary>
internal static class AppointmentTask
{
    /// <param name="ExternalReference">platform.job: and the id of the job, by which an operator finds it in the logs.</param>
    /// <param name="Outcome">confirmed, or skipped when the appointment was not pending any more; null until the task succeeds.</param>
    /// <param name="ErrorMessage">Why the last failed attempt failed, as a sentence; null after a success.</param>
    /// <param name="Attempts">Number of attempts that began, without those that a stopping worker handed back.</param>
    public sealed record Response(
        long Id, string TaskName, [property: TaskStatusWord] string Status, long AppointmentId, string ExternalReference,
        string? Outcome, string? ErrorMessage, int Attempts, DateTime CreatedAt, DateTime UpdatedAt);

    /// <summary>Of a job <c>j</c> and its appointment <c>a</c>.</summary>
    internal const string Columns = """
        j.id, j.kind as task_name, j.state as status, a.id as appointment_id, 'platform.job:' || j.id as external_reference, j.outcome,
            j.error as error_message, j.attempt as attempts, j.created_at, j.updated_at
        """;
}

/// <summary>Lists the states of a task in the OpenAPI document. A task ends in one of the last two.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class TaskStatusWordAttribute : Attribute, IWords
{
    public IReadOnlyList<string> Words { get; } = ["queued", "running", "succeeded", "failed"];
}
