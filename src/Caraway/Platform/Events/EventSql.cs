using System.Runtime.CompilerServices;
using Caraway.Platform.Postgres;

namespace Caraway.Platform.Events;

/// <summary>
/// The first line of every statement that writes an event. A <c>select</c> or <c>values</c> with the same columns follows: the time, the
/// event's name, its subject (<c>module.thing:id</c>), the actor, …, the payload as text. A trigger adds the payload's salt and digest.
/// </summary>
internal static class EventSql
{
    /// <summary>A statement with this text wakes the sequencer of its process after the commit.</summary>
    private const string Table = "insert into platform.events ";

    /// <summary>For a change by a caller's request.</summary>
    public const string Insert = Table + "(at, name, subject, actor, request_id, address, payload)";

    /// <summary>For a change by a caller's request on behalf of another user.</summary>
    public const string InsertOnBehalf = Table + "(at, name, subject, actor, on_behalf_of, request_id, address, payload)";

    /// <summary>For a change without a request: by a job, a command or the access log.</summary>
    public const string InsertWithoutRequest = Table + "(at, name, subject, actor, payload)";

    [ModuleInitializer]
    internal static void WakeSequencer() => CommitHooks.Add(Table, EventSignal.Written.Raise);
}
