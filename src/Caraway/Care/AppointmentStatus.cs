using Caraway.Platform.Workflows;

namespace Caraway.Care;

/// <summary>The words for where an appointment is.</summary>
internal static class AppointmentStatus
{
    public const string Pending = "pending";
    public const string Confirmed = "confirmed";
    public const string Completed = "completed";
    public const string Cancelled = "cancelled";

    /// <summary>The legal moves (docs/contracts/care.md). From confirmed back to pending leads rescheduling alone.</summary>
    public static Workflow Table { get; } = new(
        "care.appointment",
        [Pending, Confirmed, Completed, Cancelled],
        [new(Pending, Confirmed), new(Pending, Cancelled), new(Confirmed, Completed), new(Confirmed, Cancelled), new(Confirmed, Pending)]);
}
