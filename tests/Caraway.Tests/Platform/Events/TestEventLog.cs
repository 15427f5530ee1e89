using System.Collections.Frozen;
using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform.Audit;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Caraway.Tests.Platform.Events;

/// <summary>An event log with a known content, and SQL with which an intruder could change it.</summary>
internal static class TestEventLog
{
    /// <summary>Number of events that <see cref="Fill"/> writes.</summary>
    public const int Events = 30;

    /// <summary>The first of the two ids without an event.</summary>
    public const int Gap = 13;

    /// <summary>Number of accesses in the two batches.</summary>
    public const int Accesses = 5;

    /// <summary>
    /// <see cref="Chain.Hash"/> in SQL, for the row <c>e</c> at <c>place</c> after the hash <c>previous</c>. It needs
    /// <see cref="TextFunction"/>.
    /// </summary>
    public const string HashSql = """
        sha256(previous || int8send(place) || int8send(e.id) || int8send((extract(epoch from e.at) * 1000000)::bigint)
            || public.text_bytes(e.name) || public.text_bytes(e.subject) || public.text_bytes(e.actor)
            || public.text_bytes(e.on_behalf_of) || public.text_bytes(e.request_id) || public.text_bytes(e.address) || e.digest)
        """;

    public const string TextFunction = """
        create function public.text_bytes(t text) returns bytea language sql immutable as
        $$ select coalesce(int4send(octet_length(convert_to(t, 'UTF8'))) || convert_to(t, 'UTF8'), int4send(-1)) $$
        """;

    /// <summary>Rewrites the chain and the sequencer's row over the present events, as an intruder who knows the source would.</summary>
    public const string Rewrite = $"""
        {TextFunction};
        do $$
        declare
            previous bytea := decode(repeat('00', 32), 'hex');
            place bigint := 0;
            e record;
        begin
            for e in select ev.* from platform.chain c join platform.events ev on ev.id = c.event_id order by c.position loop
                place := place + 1;
                previous := {HashSql};
                update platform.chain c set position = -place, hash = previous where c.event_id = e.id;
            end loop;
            update platform.chain c set position = -c.position;
            update platform.sequencer s set hash = previous, position = (select max(c.position) from platform.chain c);
        end $$;
        """;

    /// <summary>
    /// Writes thirty events in several rounds: ids 1 to 12 at the same positions, two unused ids, and ids 15 to 32 at positions 13 to 30.
    /// Events 27 and 28 belong to the access batches 1 (three accesses) and 2 (two).
    /// </summary>
    public static async Task Fill(TestDatabase database)
    {
        await Add(database, 12);
        await Sequence(database);
        await database.Execute("select nextval('platform.event_ids'), nextval('platform.event_ids')");
        await Add(database, 12);
        await Sequence(database);
        using var accesses = new TestAccessLog(database);
        foreach (var shown in new[] { 3, 2 })
        {
            for (var n = 1; n <= shown; n++)
            {
                var records = new AccessedRecords { Kind = "advocacy.case", Ids = [n, n + 100], PatientIds = n == 1 ? null : [n] };
                Assert.Null(accesses.Add(Reader(n), records));
            }

            Assert.Equal(shown, await accesses.WriteOnce(default));
        }

        await Add(database, 4);
        await Sequence(database);
        Assert.Equal("30 30 32 30 32", await database.Scalar<string>(
            """
            select (select count(*) || ' ' || max(position) || ' ' || max(event_id) from platform.chain)
                || ' ' || position || ' ' || final_id
            from platform.sequencer
            """));
    }

    /// <summary>Inserts events without positions, with small payloads and a name that the program does not use.</summary>
    public static Task Add(TestDatabase database, int events) => database.Execute(
        $$"""
        insert into platform.events (at, name, subject, actor, on_behalf_of, request_id, address, payload)
        select now(), 'test.happened', 'test.thing:' || n % 4, 'user:' || n, case when n % 2 = 0 then 'user:99' end, 'request-' || n,
            '10.0.0.' || n, json_build_object('n', n, 'text', 'Zoë 𝄞')::text
        from generate_series(1, {{events}}) n
        """);

    /// <summary>Gives every event its position, and waits until the sequencer knows that every id is final.</summary>
    public static async Task Sequence(TestDatabase database, EventOptions? options = null)
    {
        using var sequencer = new Sequencer(
            database.Source, Options.Create(options ?? new EventOptions { LeaseSeconds = 60, Batch = 7 }), TimeProvider.System,
            NullLogger<Sequencer>.Instance);
        await SequenceBy(sequencer, database);
    }

    /// <summary>Does the same with the caller's sequencer, which then releases its lease.</summary>
    public static async Task SequenceBy(Sequencer sequencer, TestDatabase database)
    {
        // Transactions of other tests on the same server delay it: for a moment, or while a long test loads a million rows.
        for (var tries = 0; ; tries++)
        {
            Assert.InRange(tries, 0, 2_400);
            while (await sequencer.RunOnce(default) is Sequencer.Round.Full or Sequencer.Round.Sequenced)
            {
            }

            if (await database.Scalar<bool>("select final_id >= (select max(id) from platform.events) from platform.sequencer"))
                break;
            await Task.Delay(50);
        }

        await sequencer.StopAsync(default);
    }

    public static async Task<Verification> Verify(TestDatabase database, Checkpoint? checkpoint = null) =>
        await new ChainVerifier(database.Source, TimeProvider.System).Verify(checkpoint, TimeSpan.FromMinutes(5), default);

    public static Caller Reader(int n) => new()
    {
        Id = "user:" + n, Permissions = FrozenSet<string>.Empty, RequestId = "read-" + n, Address = n == 2 ? null : "10.0.0.1",
        Action = "GET /cases/{id}", AccessReason = n == 3 ? null : "Appeal of Zoe",
    };
}
