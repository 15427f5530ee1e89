using Caraway.Platform.Audit;
using Caraway.Platform.Postgres;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform.Events;

namespace Caraway.Tests.Platform.Audit;

/// <summary>The verifier names every batch of the access log that an intruder changes, adds or removes.</summary>
public sealed class AccessBatchVerifierTests(PostgresServer postgres) : VerifierTestBase(postgres)
{
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
    // The rows by which searches find a batch.
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
    public async Task A_change_of_the_access_log_is_found(string sql, string expected)
    {
        await TestEventLog.Fill(database);

        await database.Execute(sql);

        AssertAny(expected, await TestEventLog.Verify(database));
    }

    /// <summary>The sequencer seals every inserted event, so the verifier can meet any payload.</summary>
    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("no json")]
    [InlineData("""{"batch":"1","records":3,"digest":"x"}""")]
    [InlineData("""{"batch":1,"records":3.5,"digest":"x"}""")]
    [InlineData("""{"batch":1,"records":3,"digest":null}""")]
    [InlineData("""{"batch":9223372036854775807,"records":0,"digest":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}""")]
    public async Task A_forged_batch_event_is_a_problem_and_not_a_crash(string payload)
    {
        await TestEventLog.Fill(database);
        await database.Execute(
            $"""
            insert into platform.events (at, name, subject, actor, payload)
            values (now(), 'access.recorded', 'platform.access_batch:3', 'caraway', '{payload}')
            """);
        await TestEventLog.Sequence(database);

        Assert.NotEmpty((await TestEventLog.Verify(database)).Problems);
    }

    /// <summary>An intruder who knows the source writes a record with a right digest and lets the sequencer seal it.</summary>
    [Theory]
    [InlineData("{NULL}", null)]
    [InlineData("{{1,2}}", null)]
    [InlineData("[5:6]={1,2}", null)]
    [InlineData("{1}", "{NULL}")]
    public async Task A_forged_batch_with_the_right_digest_is_a_problem_and_not_a_crash(string ids, string? patients)
    {
        await TestEventLog.Fill(database);
        var at = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);
        var digest = AccessBatch.Digest([new AccessRecord(at, "a", "r", null, "GET /", null, "advocacy.case", ids, patients)]);
        await database.Execute(
            $$"""
            insert into platform.access_log (id, at, actor, request_id, action, kind, ids, patient_ids)
            values ((3 << 16) + 1, '{{at:O}}', 'a', 'r', 'GET /', 'advocacy.case', '{{ids}}',
                {{(patients is null ? "null" : $"'{patients}'")}});
            insert into platform.events (at, name, subject, actor, payload)
            values (now(), 'access.recorded', 'platform.access_batch:3', 'caraway', '{"batch":3,"records":1,"digest":"{{digest}}"}')
            """);
        await TestEventLog.Sequence(database);

        AssertAny("a record holds a value that the program never writes", await TestEventLog.Verify(database));
    }

    /// <summary>Migration 0008 creates the index rows of the batches that were written before it.</summary>
    [Fact]
    public async Task A_migration_indexes_older_batches_as_this_program_does()
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

    /// <summary>An erased batch event no longer protects its batch, so its erasure is not allowed.</summary>
    [Fact]
    public async Task An_erased_batch_event_is_found_although_an_event_reports_the_erasure()
    {
        await TestEventLog.Fill(database);
        await database.Execute(
            """
            update platform.events set payload = null, salt = null where id = 27;
            update platform.access_log set actor = 'user:99' where id = 65537;
            insert into platform.events (at, name, subject, actor, payload)
            values (now(), 'event.erased', 'platform.event:27', 'command', '{"event_id":27}')
            """);
        await TestEventLog.Sequence(database);

        AssertFirst("27", await TestEventLog.Verify(database));
    }

    /// <summary>
    /// The event's subject names batch 7 and its payload describes batch 1, so no event protects batch 7. Other batches stand in between,
    /// because the verifier reads twenty at a time and would notice the same batch twice among them.
    /// </summary>
    [Fact]
    public async Task A_batch_event_with_the_subject_of_another_batch_is_found()
    {
        await TestEventLog.Fill(database);
        await database.Execute(
            """
            insert into platform.events (at, name, subject, actor, payload)
            select now(), 'access.recorded', 'platform.access_batch:' || n, 'caraway',
                json_build_object('batch', n, 'records', 0, 'digest', encode(sha256(''), 'hex'))::text
            from generate_series(100, 120) n;
            insert into platform.events (at, name, subject, actor, payload)
            select at, name, 'platform.access_batch:7', actor, payload from platform.events where id = 27;
            insert into platform.access_log
            select 7 * 65536 + 1, at, 'user:99', request_id, address, action, reason, kind, ids, patient_ids
            from platform.access_log where id = 65537
            """);
        await TestEventLog.Sequence(database);

        AssertAny("the access log did not write event", await TestEventLog.Verify(database));
    }

    [Fact]
    public async Task An_access_record_moved_within_its_batch_is_found()
    {
        await TestEventLog.Fill(database);
        await database.Execute("update platform.access_log set id = 65600 where id = 65539");
        AssertFirst("Access batch 1", await TestEventLog.Verify(database));
    }
}
