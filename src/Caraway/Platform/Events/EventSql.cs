using System.Runtime.CompilerServices;
using Caraway.Platform.Postgres;

namespace Caraway.Platform.Events;

/// <summary>
/// The beginnings of every statement that writes an event. After one of them stands <c>select</c> with the same columns: the time, the
/// event's name, its subject (<c>module.thing:id</c>), the actor, …, the payload as text. A trigger salts and digests the payload.
/// </summary>
internal static class EventSql
{
    /// <summary>The table. A statement with this text wakes the sequencer of its process after the commit.</summary>
    private const string Table = "insert into platform.events ";

    /// <summary>A caller's request.</summary>
    public const string Insert = Table + "(at, name, subject, actor, request_id, address, payload)";

    /// <summary>A caller's request on behalf of somebody.</summary>
    public const string InsertOnBehalf = Table + "(at, name, subject, actor, on_behalf_of, request_id, address, payload)";

    /// <summary>The program's own work, without a request: a job, a command, the audit itself.</summary>
    public const string InsertWithoutRequest = Table + "(at, name, subject, actor, payload)";

    [ModuleInitializer]
    internal static void WakeSequencer() => CommitHooks.Add(Table, EventSignal.Written.Raise);
}
