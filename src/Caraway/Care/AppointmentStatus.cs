using Caraway.Platform.Http;
using Caraway.Platform.Workflows;

namespace Caraway.Care;

/// <summary>The statuses of an appointment.</summary>
internal static class AppointmentStatus
{
    public const string Pending = "pending";
    public const string Confirmed = "confirmed";
    public const string Completed = "completed";
    public const string Cancelled = "cancelled";

    /// <summary>The legal transitions (docs/contracts/care.md). Only rescheduling leads from confirmed back to pending.</summary>
    public static Workflow Table { get; } = new(
        "care.appointment",
        [Pending, Confirmed, Completed, Cancelled],
        [new(Pending, Confirmed), new(Pending, Cancelled), new(Confirmed, Completed), new(Confirmed, Cancelled), new(Confirmed, Pending)]);
}

/// <summary>Lists the statuses of an appointment in the OpenAPI document.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class AppointmentStatusWordAttribute : Attribute, IWords
{
    public IReadOnlyList<string> Words => AppointmentStatus.Table.Statuses;
}
