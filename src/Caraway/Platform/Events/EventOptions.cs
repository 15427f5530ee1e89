using System.ComponentModel.DataAnnotations;

namespace Caraway.Platform.Events;

/// <summary>How events get their positions and reach their handlers (section <c>Events</c>).</summary>
internal sealed class EventOptions
{
    /// <summary>Whether this process gives positions and runs handlers; <c>serve --role api</c> leaves both to others.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>How many events get their positions, or are handled, in one transaction.</summary>
    [Range(1, 10_000)]
    public int Batch { get; set; } = 500;

    /// <summary>How long the sequencer's lease is good without a renewal, in seconds; after a kill, another process takes over then.</summary>
    [Range(1, 600)]
    public int LeaseSeconds { get; set; } = 3;

    /// <summary>How long the sequencer waits before it looks for other processes' events (this process's own wake it), in milliseconds.</summary>
    [Range(5, 60_000)]
    public int PollMilliseconds { get; set; } = 50;

    /// <summary>The least time between two rounds, in milliseconds: many events then share one.</summary>
    [Range(0, 1_000)]
    public int PaceMilliseconds { get; set; } = 20;

    /// <summary>Tries before a handler's event is parked.</summary>
    [Range(1, 100)]
    public int MaxAttempts { get; set; } = 8;
}
