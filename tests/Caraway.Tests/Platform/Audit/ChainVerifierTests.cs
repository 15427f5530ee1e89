using Caraway.Platform.Hosting;
using System.Diagnostics;
using System.Globalization;
using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform.Events;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Caraway.Tests.Platform.Audit;

/// <summary>
/// Whatever somebody with SQL does to the event log behind the program's back, the verifier names the place. Each case has a database of its own,
/// filled by <see cref="EventLog.Fill"/>.
/// </summary>
public sealed class ChainVerifierTests(PostgresServer postgres, ITestOutputHelper output) : IAsyncLifetime
{
    private const string Everything = "name, subject, actor, on_behalf_of, request_id, address, at, payload, salt, digest";

    private static readonly MasterKey Key = MasterKey.Read(CarawayFixture.Master, new PrivateFolder(Path.GetTempPath()));

    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.Create();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task What_was_not_touched_holds()
    {
        await TestEventLog.Fill(database);

        var found = await TestEventLog.Verify(database, await TakeCheckpoint());

        Assert.Empty(found.Problems);
        Assert.Equal((TestEventLog.Events, 0, TestEventLog.Accesses, 0), (found.Entries, found.Erased, found.AccessRecords, found.Unsealed));
    }

    [Fact]
    public async Task An_empty_log_holds_and_has_no_checkpoint()
    {
        var found = await TestEventLog.Verify(database);

        Assert.Empty(found.Problems);
        Assert.Equal((0, 0, 0, 0), (found.Entries, found.Erased, found.AccessRecords, found.Unsealed));
        await using var own = new Database(database.Source);
        Assert.Null(await Checkpoint.Take(own, Key, DateTime.UtcNow, default));
    }

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
    // Which events there are.
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
    // Cut off, without care or with some.
    [InlineData("delete from platform.chain where position > 20", "the chain ends at position 20, and position 30 was given")]
    [InlineData("delete from platform.chain where position > 20; delete from platform.events where id > 22", "the chain ends at position 20, and position 30 was given")]
    // Erased by another hand.
    [InlineData("update platform.events set payload = null, salt = null where id = 5", "Event 5 was erased, but no event reports the erasure")]
    [InlineData("update platform.events set payload = null where id = 5", "Position 5: event 5 is erased in part")]
    [InlineData("update platform.events set salt = null where id = 5", "Position 5: event 5 is erased in part")]
    [InlineData("update platform.events set payload = null, salt = null where id = 27", "event 27 was erased, but the audit needs it")]
    public async Task What_was_changed_behind_its_back_is_found(string sql, string expected)
    {
        await TestEventLog.Fill(database);

        await database.Execute(sql);

        Found(expected, await TestEventLog.Verify(database));
    }

    [Theory]
    [InlineData("insert into platform.events (id, at, name, subject, actor, payload) values (13, now(), 'a', 'b', 'c', '{}')", "Event 13 is not in the chain")]
    [InlineData("insert into platform.events (id, at, name, subject, actor, payload) values (-1, now(), 'a', 'b', 'c', '{}')", "Event -1 is not in the chain")]
    [InlineData("insert into platform.events (id, at, name, subject, actor, payload) values (0, now(), 'a', 'b', 'c', '{}')", "Event 0 is not in the chain")]
    [InlineData("delete from platform.chain where position = 14", "Event 16 is not in the chain")]
    [InlineData("delete from platform.chain where position = 14; delete from platform.events where id = 16", "Position 14 is missing")]
    [InlineData("update platform.sequencer set final_id = 1000; insert into platform.events (at, name, subject, actor, payload) values (now(), 'a', 'b', 'c', '{}')", "Event 33 is not in the chain")]
    public async Task What_stands_outside_the_chain_is_found(string sql, string expected)
    {
        await TestEventLog.Fill(database);

        await database.Execute(sql);

        Assert.Contains((await TestEventLog.Verify(database)).Problems, problem => problem.Contains(expected, StringComparison.Ordinal));
    }

    /// <summary>Positions below the first are an intruder's: no walk from the first on comes there, and the sequencer takes their events for sealed.</summary>
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

    [Theory]
    [InlineData("update platform.access_log set at = at + interval '1 microsecond' where id = 65538", "Access batch 1 (position 25): a record was changed")]
    [InlineData("update platform.access_log set actor = 'user:99' where id = 65537", "Access batch 1 (position 25): a record was changed")]
    [InlineData("update platform.access_log set request_id = 'other' where id = 65537", "Access batch 1 (position 25): a record was changed")]
    [InlineData("update platform.access_log set address = null where id = 65537", "Access batch 1 (position 25): a record was changed")]
    [InlineData("update platform.access_log set address = '' where id = 65538", "Access batch 1 (position 25): a record was changed")]
    [InlineData("update platform.access_log set action = 'GET /' where id = 65537", "Access batch 1 (position 25): a record was changed")]
    [InlineData("update platform.access_log set reason = 'None of your business' where id = 65537", "Access batch 1 (position 25): a record was changed")]
    [InlineData("update platform.access_log set reason = null where id = 131074", "Access batch 2 (position 26): a record was changed")]
    [InlineData("update platform.access_log set kind = 'advocacy.document' where id = 131074", "Access batch 2 (position 26): a record was changed")]
    [InlineData("update platform.access_log set ids = '{1}' where id = 65537", "Access batch 1 (position 25): a record was changed")]
    [InlineData("update platform.access_log set ids = '{101,1}' where id = 65537", "Access batch 1 (position 25): a record was changed")]
    [InlineData("update platform.access_log set patient_ids = '{}' where id = 65537", "Access batch 1 (position 25): a record was changed")]
    [InlineData("update platform.access_log set patient_ids = null where id = 65538", "Access batch 1 (position 25): a record was changed")]
    [InlineData("update platform.access_log set id = 65536 where id = 65538", "Access batch 1 (position 25): a record was changed")]
    [InlineData("delete from platform.access_log where id = 65539", "Access batch 1 (position 25) had 3 records and has 2")]
    [InlineData("delete from platform.access_log where id between 65537 and 65539", "Access batch 1 (position 25) had 3 records and has 0")]
    [InlineData("delete from platform.access_log", "Access batch 1 (position 25) had 3 records and has 0")]
    [InlineData("truncate platform.access_log", "Access batch 2 (position 26) had 2 records and has 0")]
    [InlineData("update platform.access_log set id = id + 65536 where id = 65539", "Access batch 1 (position 25) had 3 records and has 2")]
    [InlineData("insert into platform.access_log select 65540, at, actor, request_id, address, action, reason, kind, ids, patient_ids from platform.access_log where id = 65539", "Access batch 1 (position 25) had 3 records and has 4")]
    [InlineData("insert into platform.access_log select 65536, at, actor, request_id, address, action, reason, kind, ids, patient_ids from platform.access_log where id = 65539", "Access batch 1 (position 25) had 3 records and has 4")]
    [InlineData("insert into platform.access_log select id + 5 * 65536, at, actor, request_id, address, action, reason, kind, ids, patient_ids from platform.access_log where id < 131072", "Access batch 6 has no event")]
    [InlineData("insert into platform.access_log select -1, at, actor, request_id, address, action, reason, kind, ids, patient_ids from platform.access_log where id = 65539", "Access batch -1 has no event")]
    [InlineData("update platform.events set name = 'test.happened' where id = 27", "Access batch 1 has no event")]
    // What searches find it by.
    [InlineData("update platform.access_batches set ids = ids[2:] where batch = 1", "Access batch 1 (position 25): its search index was changed")]
    [InlineData("update platform.access_batches set ids = ids || 7::bigint where batch = 1", "Access batch 1 (position 25): its search index was changed")]
    [InlineData("update platform.access_batches set ids = '{null}' where batch = 1", "Access batch 1 (position 25): its search index was changed")]
    [InlineData("update platform.access_batches set patient_ids = '{}' where batch = 2", "Access batch 2 (position 26): its search index was changed")]
    [InlineData("update platform.access_batches set batch = 7 where batch = 2", "Access batch 2 (position 26): its search index was changed")]
    [InlineData("delete from platform.access_batches where batch = 2", "Access batch 2 (position 26): its search index was changed or is missing")]
    [InlineData("update platform.access_batches set kind = 'identity.user' where batch = 1", "Access batch 1 (position 25): its search index was changed")]
    [InlineData("insert into platform.access_batches select 1, 'identity.user', ids, patient_ids from platform.access_batches where batch = 1", "Access batch 1 (position 25): its search index was changed")]
    [InlineData("insert into platform.access_batches select 9, kind, ids, patient_ids from platform.access_batches where batch = 1", "Access batch 9 has no event")]
    [InlineData("insert into platform.access_batches select -9223372036854775808, kind, ids, patient_ids from platform.access_batches where batch = 1", "Access batch -9223372036854775808 has no event")]
    [InlineData("insert into platform.access_batches select -9223372036854775807, kind, ids, patient_ids from platform.access_batches where batch = 1", "Access batch -9223372036854775807 has no event")]
    [InlineData("insert into platform.access_batches select 9223372036854775807, kind, ids, patient_ids from platform.access_batches where batch = 1", "Access batch 9223372036854775807 has no event")]
    [InlineData("insert into platform.access_log select -9223372036854775807, at, actor, request_id, address, action, reason, kind, ids, patient_ids from platform.access_log where id = 65539", "Access batch -140737488355328 has no event")]
    [InlineData("insert into platform.access_log select -9223372036854775808, at, actor, request_id, address, action, reason, kind, ids, patient_ids from platform.access_log where id = 65539", "Access batch -140737488355328 has no event")]
    [InlineData("truncate platform.access_batches", "Access batch 1 (position 25): its search index was changed or is missing")]
    [InlineData("delete from platform.access_log where id < 131072; delete from platform.events where id = 27", "Position 25: event 27 is missing")]
    public async Task What_was_done_to_the_access_log_is_found(string sql, string expected)
    {
        await TestEventLog.Fill(database);

        await database.Execute(sql);

        Assert.Contains((await TestEventLog.Verify(database)).Problems, problem => problem.Contains(expected, StringComparison.Ordinal));
    }

    /// <summary>A verification that ends with an exception tells nobody what else is wrong.</summary>
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
    public async Task What_the_program_would_never_write_is_a_problem_and_no_crash(string sql)
    {
        await TestEventLog.Fill(database);

        await database.Execute(sql);

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var found = await new ChainVerifier(database.Source, TimeProvider.System).Verify(null, TimeSpan.FromMinutes(5), patience.Token);
        Assert.NotEmpty(found.Problems);
    }

    /// <summary>The sequencer seals whatever somebody inserts; the verifier must not fall over it.</summary>
    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("no json")]
    [InlineData("""{"batch":"1","records":3,"digest":"x"}""")]
    [InlineData("""{"batch":1,"records":3.5,"digest":"x"}""")]
    [InlineData("""{"batch":1,"records":3,"digest":null}""")]
    [InlineData("""{"batch":9223372036854775807,"records":0,"digest":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}""")]
    public async Task A_sealed_batch_event_of_another_hand_is_a_problem_and_no_crash(string payload)
    {
        await TestEventLog.Fill(database);
        await database.Execute($"insert into platform.events (at, name, subject, actor, payload) values (now(), 'access.recorded', 'platform.access_batch:3', 'caraway', '{payload}')");
        await TestEventLog.Sequence(database);

        Assert.NotEmpty((await TestEventLog.Verify(database)).Problems);
    }

    /// <summary>Whoever knows the source writes a record that its digest agrees with, and has it sealed.</summary>
    [Theory]
    [InlineData("{NULL}", null)]
    [InlineData("{{1,2}}", null)]
    [InlineData("[5:6]={1,2}", null)]
    [InlineData("{1}", "{NULL}")]
    public async Task A_sealed_batch_of_another_hand_with_the_right_digest_is_a_problem_and_no_crash(string ids, string? patients)
    {
        await TestEventLog.Fill(database);
        var at = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);
        var digest = AccessBatch.Digest([new AccessRecord(at, "a", "r", null, "GET /", null, "advocacy.case", ids, patients)]);
        await database.Execute(
            $$"""
            insert into platform.access_log (id, at, actor, request_id, action, kind, ids, patient_ids)
            values ((3 << 16) + 1, '{{at:O}}', 'a', 'r', 'GET /', 'advocacy.case', '{{ids}}', {{(patients is null ? "null" : $"'{patients}'")}});
            insert into platform.events (at, name, subject, actor, payload)
            values (now(), 'access.recorded', 'platform.access_batch:3', 'caraway', '{"batch":3,"records":1,"digest":"{{digest}}"}')
            """);
        await TestEventLog.Sequence(database);

        Assert.Contains((await TestEventLog.Verify(database)).Problems, problem => problem.Contains("a record holds a value that the program never writes", StringComparison.Ordinal));
    }

    /// <summary>Migration 0008 makes the lists of batches that were written before it.</summary>
    [Fact]
    public async Task Batches_of_an_older_program_are_listed_as_this_one_would()
    {
        await TestEventLog.Fill(database);
        using (var accesses = new TestAccessLog(database))
        {
            accesses.Add(TestEventLog.Reader(1), new AccessedRecords { Kind = "advocacy.case", Ids = [9, 3, 5], PatientIds = [7] });
            accesses.Add(TestEventLog.Reader(1), new AccessedRecords { Kind = "identity.user", Ids = [3], PatientIds = [3, 1] });
            accesses.Add(TestEventLog.Reader(1), new AccessedRecords { Kind = "advocacy.case", Ids = [5, 4] });
            await accesses.WriteOnce(default);
        }

        await TestEventLog.Sequence(database);
        const string lists = "select string_agg(b::text, ' ' order by batch, kind) from platform.access_batches b";
        var written = await database.Scalar<string>(lists);
        var migrator = new Migrator(database.Source, Migrator.Embedded);

        await migrator.Down(7, default);
        await migrator.Up(DateTimeOffset.UnixEpoch, default);

        Assert.Contains("(3,advocacy.case,\"{3,4,5,9}\",{7}) (3,identity.user,{3},\"{1,3}\")", written, StringComparison.Ordinal);
        Assert.Equal(written, await database.Scalar<string>(lists));
        var verified = await TestEventLog.Verify(database);
        Assert.Empty(verified.Problems);
        Assert.Equal(TestEventLog.Accesses + 3, verified.AccessRecords);
    }

    /// <summary>Erased, the event no longer answers for its batch; that must not pass as an erasure like others.</summary>
    [Fact]
    public async Task A_batch_event_erased_under_the_cover_of_an_event_is_found()
    {
        await TestEventLog.Fill(database);
        await database.Execute(
            """
            update platform.events set payload = null, salt = null where id = 27;
            update platform.access_log set actor = 'user:99' where id = 65537;
            insert into platform.events (at, name, subject, actor, payload) values (now(), 'event.erased', 'platform.event:27', 'command', '{"event_id":27}')
            """);
        await TestEventLog.Sequence(database);

        Found("27", await TestEventLog.Verify(database));
    }

    /// <summary>One erasure explains one event; an erasure's own text explains nothing once it is gone.</summary>
    [Fact]
    public async Task An_erasures_event_erased_under_the_cover_of_another_is_found()
    {
        await TestEventLog.Fill(database);
        await Erase(5);
        await TestEventLog.Sequence(database);
        await database.Execute(
            """
            update platform.events set payload = null, salt = null where id = 33;
            insert into platform.events (at, name, subject, actor, payload) values (now(), 'event.erased', 'platform.event:33', 'command', '{"event_id":33}')
            """);
        await TestEventLog.Sequence(database);

        Found("33", await TestEventLog.Verify(database));
    }

    /// <summary>
    /// The event's subject says batch 7 and its payload answers for batch 1: nobody answers for batch 7. Other batches are between, for the
    /// verifier reads twenty at a time and counts a batch double that is among them twice.
    /// </summary>
    [Fact]
    public async Task A_batch_event_that_answers_for_another_batch_is_found()
    {
        await TestEventLog.Fill(database);
        await database.Execute(
            """
            insert into platform.events (at, name, subject, actor, payload)
            select now(), 'access.recorded', 'platform.access_batch:' || n, 'caraway', json_build_object('batch', n, 'records', 0, 'digest', encode(sha256(''), 'hex'))::text from generate_series(100, 120) n;
            insert into platform.events (at, name, subject, actor, payload) select at, name, 'platform.access_batch:7', actor, payload from platform.events where id = 27;
            insert into platform.access_log select 7 * 65536 + 1, at, 'user:99', request_id, address, action, reason, kind, ids, patient_ids from platform.access_log where id = 65537
            """);
        await TestEventLog.Sequence(database);

        Assert.Contains((await TestEventLog.Verify(database)).Problems, problem => problem.Contains("the access log did not write event", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_record_of_accesses_moved_within_its_batch_is_found()
    {
        await TestEventLog.Fill(database);
        await database.Execute("update platform.access_log set id = 65600 where id = 65539");
        Found("Access batch 1", await TestEventLog.Verify(database));
    }

    /// <summary>Chain, events and the sequencer's row agree with each other: only what was kept elsewhere tells.</summary>
    [Fact]
    public async Task A_tail_cut_off_with_care_is_found_by_a_checkpoint_alone()
    {
        await TestEventLog.Fill(database);
        var checkpoint = await TakeCheckpoint();
        await database.Execute(
            """
            delete from platform.chain where position > 28;
            delete from platform.events where id > 30;
            update platform.sequencer s set position = 28, hash = c.hash, final_id = 30 from platform.chain c where c.position = 28
            """);

        Assert.Empty((await TestEventLog.Verify(database)).Problems);
        Found("the chain ends at position 28, and at the checkpoint of 2026-06-01T00:00:00Z it ended at 30", await TestEventLog.Verify(database, checkpoint));

        await TestEventLog.Add(database, 5);
        await TestEventLog.Sequence(database);
        Assert.Empty((await TestEventLog.Verify(database)).Problems);
        Found("Position 30: the chain differs from the checkpoint", await TestEventLog.Verify(database, checkpoint));
    }

    [Theory]
    [InlineData("update platform.events set actor = 'user:99' where id = 5")]
    [InlineData("update platform.events set actor = 'user:99' where id = 32")]
    [InlineData("update platform.events set payload = '{}', digest = sha256(salt || '{}'::bytea) where id = 5")]
    [InlineData("delete from platform.chain where event_id = 5; delete from platform.events where id = 5")]
    [InlineData("update platform.chain set event_id = -event_id where position in (5, 6); update platform.chain set event_id = 11 + event_id where event_id < 0")]
    [InlineData("insert into platform.events (id, at, name, subject, actor, payload) values (13, now(), 'a', 'b', 'c', '{}'); update platform.chain set position = position + 100 where position > 12; update platform.chain set position = position - 99 where position > 100; insert into platform.chain values (13, 13, '')")]
    public async Task A_chain_written_anew_is_found_by_a_checkpoint_alone(string sql)
    {
        await TestEventLog.Fill(database);
        var checkpoint = await TakeCheckpoint();

        await database.Execute(sql);
        await database.Execute(TestEventLog.Rewrite);

        Assert.Empty((await TestEventLog.Verify(database)).Problems);
        Assert.Contains(
            (await TestEventLog.Verify(database, checkpoint)).Problems,
            problem => problem.Contains("the chain differs from the checkpoint", StringComparison.Ordinal) || problem.Contains("The tail is missing: the chain ends at position 29", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_old_checkpoint_holds_while_the_chain_grows()
    {
        await TestEventLog.Fill(database);
        var checkpoint = await TakeCheckpoint();
        await TestEventLog.Add(database, 20);
        await TestEventLog.Sequence(database);

        var found = await TestEventLog.Verify(database, checkpoint);

        Assert.Empty(found.Problems);
        Assert.Equal(50, found.Entries);
        Assert.Equal(checkpoint, Checkpoint.Read(System.Text.Json.JsonSerializer.Serialize(checkpoint, AuditJson.Default.Checkpoint), Key));
    }

    [Fact]
    public async Task An_event_without_a_position_is_counted_and_one_that_waits_too_long_is_a_problem()
    {
        await TestEventLog.Fill(database);
        await TestEventLog.Add(database, 2);
        var found = await TestEventLog.Verify(database);
        Assert.Empty(found.Problems);
        Assert.Equal((TestEventLog.Events, 2), (found.Entries, found.Unsealed));

        await database.Execute("insert into platform.events (at, name, subject, actor, payload) values ('2026-01-02 03:04:05Z', 'a', 'b', 'c', '{}')");
        found = await TestEventLog.Verify(database);
        Found("3 events wait for their position, the oldest since 2026-01-02 03:04:05Z", found);
        Assert.Equal(3, found.Unsealed);

        await TestEventLog.Sequence(database);
        Assert.Empty((await TestEventLog.Verify(database)).Problems);
    }

    [Fact]
    public async Task A_verification_beside_a_sequencer_at_work_finds_nothing()
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
    public async Task An_erased_event_leaves_the_chain_whole_and_is_erased_once()
    {
        await TestEventLog.Fill(database);
        var checkpoint = await TakeCheckpoint();

        Assert.True(await Erase(5));
        Assert.False(await Erase(5));
        Assert.False(await Erase(TestEventLog.Gap));
        Assert.Equal("test.happened|test.thing:1|user:5", await database.Scalar<string>("select name || '|' || subject || '|' || actor from platform.events where id = 5 and payload is null and salt is null"));
        Assert.Equal("""platform.event:5 command {"event_id" : 5, "event_name" : "test.happened", "reason" : "asked for"}""", await database.Scalar<string>(
            "select subject || ' ' || actor || ' ' || payload from platform.events where name = 'event.erased'"));
        await TestEventLog.Sequence(database);

        var found = await TestEventLog.Verify(database, checkpoint);
        Assert.Empty(found.Problems);
        Assert.Equal((TestEventLog.Events + 1, 1, TestEventLog.Accesses), (found.Entries, found.Erased, found.AccessRecords));
    }

    [Fact]
    public async Task An_event_erased_before_it_has_its_position_is_sealed_as_another()
    {
        await TestEventLog.Fill(database);
        await TestEventLog.Add(database, 3);
        Assert.True(await Erase(34));
        await TestEventLog.Sequence(database);

        var found = await TestEventLog.Verify(database);
        Assert.Empty(found.Problems);
        Assert.Equal((TestEventLog.Events + 4, 1), (found.Entries, found.Erased));
    }

    /// <summary><c>audit erase</c> and then <c>audit verify</c>, while no server runs that would seal the erasure's own event.</summary>
    [Fact]
    public async Task An_erasure_whose_event_waits_for_its_position_is_no_tampering()
    {
        await TestEventLog.Fill(database);
        Assert.True(await Erase(5));

        var found = await TestEventLog.Verify(database);

        Assert.Empty(found.Problems);
        Assert.Equal((1, 1), (found.Erased, found.Unsealed));
    }

    [Fact]
    public async Task What_the_audit_stands_on_cannot_be_erased()
    {
        await TestEventLog.Fill(database);
        Assert.True(await Erase(5));

        Assert.False(await Erase(27));
        Assert.False(await Erase(33));

        Assert.Equal("access.recorded event.erased", await database.Scalar<string>("select string_agg(name, ' ' order by id) from platform.events where id in (27, 33) and payload is not null"));
    }

    [Fact]
    public async Task Of_two_erasures_at_once_one_is_recorded()
    {
        await TestEventLog.Fill(database);

        var done = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Erase(5)));

        Assert.Single(done, erased => erased);
        Assert.Equal(1, await database.Scalar<long>("select count(*) from platform.events where name = 'event.erased'"));
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
                select now(), 'case.noted', 'advocacy.case:' || n % 5000, 'user:' || n % 100, gen_random_uuid()::text, '10.0.0.1', json_build_object('case_id', n, 'text', repeat('x', 100))::text from generate_series(1, 50000) n
                """);
        }

        Print("inserting", watch);
        using var sequencer = new Sequencer(
            database.Source, Options.Create(new EventOptions { Batch = 10_000, LeaseSeconds = 60 }), TimeProvider.System, NullLogger<Sequencer>.Instance);
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

    private static void Found(string expected, Verification found)
    {
        Assert.NotEmpty(found.Problems);
        Assert.Contains(expected, found.Problems[0], StringComparison.Ordinal);
    }

    private void Print(string what, Stopwatch watch)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {watch.Elapsed.TotalSeconds:0.0} s"));
        watch.Restart();
    }

    private async Task<bool> Erase(long id)
    {
        await using var own = new Database(database.Source);
        return await EraseEvent.Run(id, "asked for", own, DateTime.UtcNow, default);
    }

    private async Task<Checkpoint> TakeCheckpoint()
    {
        await using var own = new Database(database.Source);
        return (await Checkpoint.Take(own, Key, new DateTime(2026, 6, 1, 0, 0, 0, DateTimeKind.Utc), default))!;
    }
}
