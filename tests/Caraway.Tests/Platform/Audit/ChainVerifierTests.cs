using System.Diagnostics;
using System.Globalization;
using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform.Events;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Caraway.Tests.Platform.Audit;

/// <summary>The verifier names the place of every change that an intruder makes to the event log with SQL.</summary>
public sealed class ChainVerifierTests(PostgresServer postgres, ITestOutputHelper output) : VerifierTestBase(postgres)
{
    private const string Everything = "name, subject, actor, on_behalf_of, request_id, address, at, payload, salt, digest";

    [Theory]
    // Any column of an event.
    [InlineData("update platform.events set at = at + interval '1 microsecond' where id = 5", "Position 5: event 5 does not fit")]
    [InlineData("update platform.events set at = 'infinity' where id = 5", "Position 5: event 5 does not fit")]
    [InlineData("update platform.events set name = 'test.other' where id = 5", "Position 5: event 5 does not fit")]
    [InlineData("update platform.events set subject = 'test.thing:9' where id = 5", "Position 5: event 5 does not fit")]
    [InlineData("update platform.events set actor = 'user:1' where id = 5", "Position 5: event 5 does not fit")]
    [InlineData("update platform.events set on_behalf_of = 'user:1' where id = 5", "Position 5: event 5 does not fit")]
    [InlineData("update platform.events set on_behalf_of = '' where id = 5", "Position 5: event 5 does not fit")]
    [InlineData("update platform.events set on_behalf_of = null where id = 6", "Position 6: event 6 does not fit")]
    [InlineData("update platform.events set request_id = 'other' where id = 5", "Position 5: event 5 does not fit")]
    [InlineData("update platform.events set request_id = null where id = 5", "Position 5: event 5 does not fit")]
    [InlineData("update platform.events set address = '10.0.0.99' where id = 5", "Position 5: event 5 does not fit")]
    [InlineData("update platform.events set address = null where id = 5", "Position 5: event 5 does not fit")]
    [InlineData("update platform.events set payload = payload || ' ' where id = 5", "Position 5: the payload of event 5 was changed")]
    [InlineData("update platform.events set salt = salt || 'x'::bytea where id = 5", "Position 5: the payload of event 5 was changed")]
    [InlineData("update platform.events set digest = sha256(digest) where id = 5", "Position 5: the payload of event 5 was changed")]
    [InlineData("update platform.events set digest = ''::bytea where id = 5", "Position 5: the payload of event 5 was changed")]
    [InlineData("update platform.events set payload = '{}', digest = sha256(salt || '{}'::bytea) where id = 5", "Position 5: event 5 does not fit")]
    [InlineData("update platform.events set payload = '{}', salt = 'salt', digest = sha256('salt{}'::bytea) where id = 5", "Position 5: event 5 does not fit")]
    [InlineData("update platform.events set salt = convert_to(encode(salt, 'escape'), 'UTF8') || 'x'::bytea, payload = substr(payload, 2) where id = 5", "Position 5: the payload of event 5 was changed")]
    [InlineData("update platform.events set actor = 'user:9' where id = 1", "Position 1: event 1 does not fit")]
    [InlineData("update platform.events set actor = 'user:9' where id = 32", "Position 30: event 32 does not fit")]
    // Events moved, renamed or removed.
    [InlineData("update platform.events set id = 1000 where id = 5", "Position 5: event 5 is missing")]
    [InlineData("update platform.events set id = 13 where id = 12", "Position 12: event 12 is missing")]
    [InlineData("with e as (update platform.events set id = 13 where id = 12 returning 1) update platform.chain set event_id = 13 where event_id = 12 and exists (select from e)", "Position 12: event 13 does not fit")]
    [InlineData("delete from platform.events where id = 1", "Position 1: event 1 is missing")]
    [InlineData("delete from platform.events where id = 15", "Position 13: event 15 is missing")]
    [InlineData("delete from platform.events where id = 32", "Position 30: event 32 is missing")]
    [InlineData("delete from platform.events", "Position 1: event 1 is missing")]
    [InlineData($"update platform.events e set ({Everything}) = (select {Everything} from platform.events o where o.id = 11 - e.id) where id in (5, 6)", "Position 5: event 5 does not fit")]
    [InlineData("update platform.events e set (payload, salt, digest) = (select payload, salt, digest from platform.events o where o.id = 11 - e.id) where id in (5, 6)", "Position 5: event 5 does not fit")]
    // The chain itself.
    [InlineData("update platform.chain set event_id = -event_id where position in (5, 6); update platform.chain set event_id = 11 + event_id where event_id < 0", "Position 5: event 6 does not fit")]
    [InlineData("update platform.chain set position = -position where position in (5, 6); update platform.chain set position = 11 + position where position < 0", "Position 5: event 6 does not fit")]
    [InlineData("delete from platform.chain where position = 1", "Position 1 is missing: the next entry is 2")]
    [InlineData("delete from platform.chain where position = 14", "Position 14 is missing: the next entry is 15")]
    [InlineData("delete from platform.chain where position = 30", "the chain ends at position 29, and position 30 was given")]
    [InlineData("delete from platform.chain", "the chain ends at position 0, and position 30 was given")]
    [InlineData("delete from platform.chain where position = 14; update platform.chain set position = position - 100 where position > 14; update platform.chain set position = position + 99 where position < 0", "Position 14: event 17 does not fit")]
    [InlineData("update platform.chain set hash = sha256(hash) where position = 1", "Position 1: event 1 does not fit")]
    [InlineData("update platform.chain set hash = sha256(hash) where position = 14", "Position 14: event 16 does not fit")]
    [InlineData("update platform.chain set hash = sha256(hash) where position = 30", "Position 30: event 32 does not fit")]
    [InlineData("update platform.chain set hash = ''::bytea where position = 30", "Position 30: event 32 does not fit")]
    [InlineData("insert into platform.chain (position, event_id, hash) values (31, 33, sha256('x'))", "Position 31: event 33 is missing")]
    [InlineData("insert into platform.chain (position, event_id, hash) values (99, 33, sha256('x'))", "Position 31 is missing: the next entry is 99")]
    [InlineData("insert into platform.events (at, name, subject, actor, payload) values (now(), 'a', 'b', 'c', '{}'); insert into platform.chain (position, event_id, hash) values (31, 33, sha256('x'))", "Position 31: event 33 does not fit")]
    // The sequencer's row.
    [InlineData("update platform.sequencer set hash = sha256(hash)", "Position 30: the sequencer's row has another hash than the chain")]
    [InlineData("update platform.sequencer set position = 31", "the chain ends at position 30, and position 31 was given")]
    [InlineData("update platform.sequencer set position = 29, hash = (select hash from platform.chain where position = 29)", "The chain has entries up to position 30, but the sequencer's last position is 29")]
    [InlineData("update platform.sequencer set position = 0, hash = decode(repeat('00', 32), 'hex')", "The chain has entries up to position 30, but the sequencer's last position is 0")]
    // The tail cut off.
    [InlineData("delete from platform.chain where position > 20", "the chain ends at position 20, and position 30 was given")]
    [InlineData("delete from platform.chain where position > 20; delete from platform.events where id > 22", "the chain ends at position 20, and position 30 was given")]
    // Erased with SQL.
    [InlineData("update platform.events set payload = null, salt = null where id = 5", "Event 5 was erased, but no event reports the erasure")]
    [InlineData("update platform.events set payload = null where id = 5", "Position 5: event 5 is erased in part")]
    [InlineData("update platform.events set salt = null where id = 5", "Position 5: event 5 is erased in part")]
    [InlineData("update platform.events set payload = null, salt = null where id = 27", "event 27 was erased, but the audit needs it")]
    public async Task A_change_of_an_event_or_entry_is_found(string sql, string expected)
    {
        await TestEventLog.Fill(database);

        await database.Execute(sql);

        AssertFirst(expected, await TestEventLog.Verify(database));
    }

    [Theory]
    [InlineData("insert into platform.events (id, at, name, subject, actor, payload) values (13, now(), 'a', 'b', 'c', '{}')", "Event 13 is not in the chain")]
    [InlineData("insert into platform.events (id, at, name, subject, actor, payload) values (-1, now(), 'a', 'b', 'c', '{}')", "Event -1 is not in the chain")]
    [InlineData("insert into platform.events (id, at, name, subject, actor, payload) values (0, now(), 'a', 'b', 'c', '{}')", "Event 0 is not in the chain")]
    [InlineData("delete from platform.chain where position = 14", "Event 16 is not in the chain")]
    [InlineData("delete from platform.chain where position = 14; delete from platform.events where id = 16", "Position 14 is missing")]
    [InlineData("update platform.sequencer set final_id = 1000; insert into platform.events (at, name, subject, actor, payload) values (now(), 'a', 'b', 'c', '{}')", "Event 33 is not in the chain")]
    public async Task An_event_outside_the_chain_is_found(string sql, string expected)
    {
        await TestEventLog.Fill(database);

        await database.Execute(sql);

        AssertAny(expected, await TestEventLog.Verify(database));
    }

    /// <summary>A walk that starts at the first position would miss such an entry, and the sequencer takes its event for sealed.</summary>
    [Theory]
    [InlineData("insert into platform.events (id, at, name, subject, actor, payload) values (13, now(), 'a', 'b', 'c', '{}'); insert into platform.chain values (0, 13, '')")]
    [InlineData("insert into platform.events (id, at, name, subject, actor, payload) values (13, now(), 'a', 'b', 'c', '{}'); insert into platform.chain values (-7, 13, '')")]
    [InlineData("insert into platform.chain values (-7, 33, ''); insert into platform.events (at, name, subject, actor, payload) values ('2026-01-01', 'a', 'b', 'c', '{}')")]
    public async Task An_entry_before_the_first_position_is_found(string sql)
    {
        await TestEventLog.Fill(database);

        await database.Execute(sql);

        Assert.NotEmpty((await TestEventLog.Verify(database)).Problems);
    }

    /// <summary>A verification that ends with an exception would hide every other finding.</summary>
    [Theory]
    [InlineData("update platform.events set at = '4713-01-01 00:00:00 BC' where id = 5")]
    [InlineData("update platform.events set at = '-infinity' where id = 5")]
    [InlineData("update platform.access_log set at = '4713-01-01 00:00:00 BC' where id = 65537")]
    [InlineData("update platform.access_log set ids = '{null}' where id = 65537")]
    [InlineData("update platform.access_log set ids = '{{1,101}}' where id = 65537")]
    [InlineData("update platform.access_log set ids = '[5:6]={1,101}' where id = 65537")]
    [InlineData("update platform.access_log set patient_ids = '{null}' where id = 65537")]
    [InlineData("insert into platform.access_log select 9223372036854775807, at, actor, request_id, address, action, reason, kind, ids, patient_ids from platform.access_log where id = 65539")]
    [InlineData("delete from platform.sequencer")]
    [InlineData("insert into platform.events (at, name, subject, actor, payload) values ('4713-01-01 00:00:00 BC', 'a', 'b', 'c', '{}')")]
    public async Task An_impossible_value_is_a_problem_and_not_a_crash(string sql)
    {
        await TestEventLog.Fill(database);

        await database.Execute(sql);

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var found = await new ChainVerifier(database.Source, TimeProvider.System).Verify(null, TimeSpan.FromMinutes(5), patience.Token);
        Assert.NotEmpty(found.Problems);
    }

    [Fact]
    public async Task Events_without_a_position_are_counted_and_a_long_wait_is_a_problem()
    {
        await TestEventLog.Fill(database);
        await TestEventLog.Add(database, 2);
        var found = await TestEventLog.Verify(database);
        Assert.Empty(found.Problems);
        Assert.Equal((TestEventLog.Events, 2), (found.Entries, found.Unsealed));

        await database.Execute(
            "insert into platform.events (at, name, subject, actor, payload) values ('2026-01-02 03:04:05Z', 'a', 'b', 'c', '{}')");
        found = await TestEventLog.Verify(database);
        AssertFirst("3 events wait for their position, the oldest since 2026-01-02 03:04:05Z", found);
        Assert.Equal(3, found.Unsealed);

        await TestEventLog.Sequence(database);
        Assert.Empty((await TestEventLog.Verify(database)).Problems);
    }

    [Fact]
    public async Task A_verification_finds_nothing_while_a_sequencer_works()
    {
        await TestEventLog.Fill(database);
        var writing = Task.Run(async () =>
        {
            for (var n = 0; n < 20; n++)
            {
                await TestEventLog.Add(database, 10);
                await TestEventLog.Sequence(database);
            }
        });
        var verifications = 0;
        while (!writing.IsCompleted)
        {
            Assert.Empty((await TestEventLog.Verify(database)).Problems);
            verifications++;
        }

        await writing;
        Assert.InRange(verifications, 3, int.MaxValue);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_million_events_are_verified_in_half_a_minute()
    {
        var watch = Stopwatch.StartNew();
        for (var n = 0; n < 20; n++)
        {
            await database.Execute(
                """
                insert into platform.events (at, name, subject, actor, request_id, address, payload)
                select now(), 'case.noted', 'advocacy.case:' || n % 5000, 'user:' || n % 100, gen_random_uuid()::text, '10.0.0.1',
                    json_build_object('case_id', n, 'text', repeat('x', 100))::text
                from generate_series(1, 50000) n
                """);
        }

        Print("inserting", watch);
        using var sequencer = new Sequencer(
            database.Source, Options.Create(new EventOptions { Batch = 10_000, LeaseSeconds = 60 }), TimeProvider.System,
            NullLogger<Sequencer>.Instance);
        await TestEventLog.SequenceBy(sequencer, database);
        Print("sequencing", watch);
        await database.Execute("vacuum analyze platform.events");
        await database.Execute("vacuum analyze platform.chain");
        watch.Restart();

        watch.Restart();
        var found = await TestEventLog.Verify(database);
        var seconds = watch.Elapsed.TotalSeconds;
        Print("verification", watch);

        Assert.Empty(found.Problems);
        Assert.Equal(1_000_000, found.Entries);
        Assert.InRange(seconds, 0, 30);
    }

    private void Print(string what, Stopwatch watch)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {watch.Elapsed.TotalSeconds:0.0} s"));
        watch.Restart();
    }
}
