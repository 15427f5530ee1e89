using System.ComponentModel.DataAnnotations;

namespace Caraway.Care;

/// <summary>Section <c>Care</c>.</summary>
internal sealed class CareOptions
{
    /// <summary>How long before a confirmed appointment its reminder is due, in minutes.</summary>
    [Range(0, 525_600)]
    public int ReminderMinutes { get; set; } = 1440;

    /// <summary>Where callers reach this API, for calendar addresses; empty: as the request came.</summary>
    [Url]
    public string? PublicUrl { get; set; }
}
