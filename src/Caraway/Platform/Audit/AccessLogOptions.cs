using System.ComponentModel.DataAnnotations;

namespace Caraway.Platform.Audit;

/// <summary>Settings of the access log (section <c>AccessLog</c>).</summary>
internal sealed class AccessLogOptions
{
    /// <summary>
    /// Largest number of records that wait for the database, in addition to the batch that is being written. Above it, reads are refused.
    /// </summary>
    [Range(1, 1_000_000)]
    public int Capacity { get; set; } = 10_000;

    /// <summary>
    /// Time for which records are collected before they are written, in milliseconds. A killed process loses the records of this time, and
    /// more if the database was slow.
    /// </summary>
    [Range(1, 10_000)]
    public int DelayMilliseconds { get; set; } = 100;
}
