using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform.Events;

namespace Caraway.Tests.Platform.Audit;

/// <summary>The erasure of an event, and what the verifier says about it.</summary>
public sealed class EraseEventTests(PostgresServer postgres) : VerifierTestBase(postgres)
{
    /// <summary>An event of an erasure that is itself erased no longer explains the first erasure.</summary>
    [Fact]
    public async Task An_erased_erasure_event_is_found_although_another_event_reports_it()
    {
        await TestEventLog.Fill(database);
        await Erase(5);
        await TestEventLog.Sequence(database);
        await database.Execute(
            """
            update platform.events set payload = null, salt = null where id = 33;
            insert into platform.events (at, name, subject, actor, payload)
            values (now(), 'event.erased', 'platform.event:33', 'command', '{"event_id":33}')
            """);
        await TestEventLog.Sequence(database);

        AssertFirst("33", await TestEventLog.Verify(database));
    }

    [Fact]
    public async Task An_erasure_leaves_the_chain_valid_and_happens_once()
    {
        await TestEventLog.Fill(database);
        var checkpoint = await TakeCheckpoint();

        Assert.True(await Erase(5));
        Assert.False(await Erase(5));
        Assert.False(await Erase(TestEventLog.Gap));
        const string erased = """
            select name || '|' || subject || '|' || actor from platform.events where id = 5 and payload is null and salt is null
            """;
        const string erasure = "select subject || ' ' || actor || ' ' || payload from platform.events where name = 'event.erased'";
        Assert.Equal("test.happened|test.thing:1|user:5", await database.Scalar<string>(erased));
        Assert.Equal(
            """platform.event:5 command {"event_id" : 5, "event_name" : "test.happened", "reason" : "asked for"}""",
            await database.Scalar<string>(erasure));
        await TestEventLog.Sequence(database);

        var found = await TestEventLog.Verify(database, checkpoint);
        Assert.Empty(found.Problems);
        Assert.Equal((TestEventLog.Events + 1, 1, TestEventLog.Accesses), (found.Entries, found.Erased, found.AccessRecords));
    }

    [Fact]
    public async Task An_event_erased_before_its_position_is_sealed_like_others()
    {
        await TestEventLog.Fill(database);
        await TestEventLog.Add(database, 3);
        Assert.True(await Erase(34));
        await TestEventLog.Sequence(database);

        var found = await TestEventLog.Verify(database);
        Assert.Empty(found.Problems);
        Assert.Equal((TestEventLog.Events + 4, 1), (found.Entries, found.Erased));
    }

    /// <summary>An operator runs <c>audit erase</c> and <c>audit verify</c> while no server gives positions.</summary>
    [Fact]
    public async Task An_erasure_is_valid_while_its_event_waits_for_a_position()
    {
        await TestEventLog.Fill(database);
        Assert.True(await Erase(5));

        var found = await TestEventLog.Verify(database);

        Assert.Empty(found.Problems);
        Assert.Equal((1, 1), (found.Erased, found.Unsealed));
    }

    [Fact]
    public async Task Events_that_the_audit_needs_cannot_be_erased()
    {
        await TestEventLog.Fill(database);
        Assert.True(await Erase(5));

        Assert.False(await Erase(27));
        Assert.False(await Erase(33));

        const string kept = """
            select string_agg(name, ' ' order by id) from platform.events where id in (27, 33) and payload is not null
            """;
        Assert.Equal("access.recorded event.erased", await database.Scalar<string>(kept));
    }

    [Fact]
    public async Task Erasures_at_the_same_time_are_recorded_once()
    {
        await TestEventLog.Fill(database);

        var done = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Erase(5)));

        Assert.Single(done, erased => erased);
        Assert.Equal(1, await database.Scalar<long>("select count(*) from platform.events where name = 'event.erased'"));
    }
}
