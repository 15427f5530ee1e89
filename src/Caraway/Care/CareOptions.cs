using System.ComponentModel.DataAnnotations;

namespace Caraway.Care;

/// <summary>Section <c>Care</c>.</summary>
internal sealed class CareOptions
{
    /// <summary>Minutes from a reminder to its appointment.</summary>
    [Range(0, 525_600)]
    public int ReminderMinutes { get; set; } = 1440;

    /// <summary>The start of calendar addresses, for use behind a proxy. When empty, they start as the request's address does.</summary>
    [Url]
    public string? PublicUrl { get; set; }
}
