using System.ComponentModel.DataAnnotations;

namespace Caraway.Care;

/// <summary>Section <c>Care</c>.</summary>
internal sealed class CareOptions
{
    /// <summary>Minutes from a reminder to its appointment.</summary>
    [Range(0, 525_600)]
    public int ReminderMinutes { get; set; } = 1440;

    /// <summary>The most appointments of a patient that are pending or confirmed, and in the future. Staff can book more.</summary>
    [Range(1, 1_000)]
    public int MaxOpenAppointments { get; set; } = 5;
}
