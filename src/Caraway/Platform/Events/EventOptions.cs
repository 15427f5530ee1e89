using System.ComponentModel.DataAnnotations;

namespace Caraway.Platform.Events;

/// <summary>Settings of the sequencer and the event handlers (section <c>Events</c>).</summary>
internal sealed class EventOptions
{
    /// <summary>Whether this process gives positions and runs handlers. <c>serve --role api</c> leaves both to other processes.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Number of events that one transaction sequences or handles.</summary>
    [Range(1, 10_000)]
    public int Batch { get; set; } = 500;

    /// <summary>
    /// Length of the sequencer's lease without a renewal, in seconds. Another process takes over this long after a kill of the holder.
    /// </summary>
    [Range(1, 600)]
    public int LeaseSeconds { get; set; } = 3;

    /// <summary>
    /// Pause before the sequencer looks for events of other processes, in milliseconds. Events of its own process wake it at once.
    /// </summary>
    [Range(5, 60_000)]
    public int PollMilliseconds { get; set; } = 50;

    /// <summary>Shortest time between two rounds, in milliseconds. A longer time puts more events into one round.</summary>
    [Range(0, 1_000)]
    public int PaceMilliseconds { get; set; } = 20;

    /// <summary>Number of failed attempts after which a handler's event is parked.</summary>
    [Range(1, 100)]
    public int MaxAttempts { get; set; } = 8;
}
