using Caraway.Advocacy;
using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

/// <summary>The rollup of the cases stays the sum over the cases, whatever is delivered how often.</summary>
public sealed class WhenCaseChangedTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private TestDatabase Database => caraway.Database;

    [Fact]
    public async Task A_second_delivery_and_a_replay_from_the_beginning_change_nothing()
    {
        await Story();
        var counted = await Database.CheckRollup();

        var subject = await Database.Scalar<string>("select subject from platform.events where name = 'case.moved' limit 1");
        var again = new Event(1, 1, "case.moved", subject!, DateTime.UnixEpoch, "test", null);
        await Deliver(again, again);
        Assert.Equal(counted, await Database.ReadRollup());

        await Replay();
        Assert.Equal(counted, await Database.ReadRollup());
    }

    [Fact]
    public async Task A_replay_into_empty_tables_counts_the_same()
    {
        await Story();
        var counted = await Database.CheckRollup();

        await Database.Execute("truncate advocacy.counted_cases, advocacy.day_counts, advocacy.decision_counts");
        await Replay();

        Assert.Equal(counted, await Database.ReadRollup());
    }

    [Fact]
    public async Task The_order_of_delivery_and_the_payload_do_not_matter()
    {
        var id = await caraway.OpenCase();
        await caraway.Transition(id, "IN_REVIEW", "SUBMITTED", "DENIED", "CLOSED");
        await Database.Execute($"update platform.events set payload = null, salt = null where subject = 'advocacy.case:{id}'");

        await Deliver(new Event(1, 1, "case.moved", $"advocacy.case:{id}", DateTime.UnixEpoch, "test", null));
        await Deliver(new Event(2, 2, "case.opened", $"advocacy.case:{id}", DateTime.UnixEpoch, "test", null));
        Assert.Equal("CLOSED", await Database.Scalar<string>($"select status from advocacy.counted_cases where case_id = {id}"));
        await caraway.Dispatch();

        await Database.CheckRollup();
    }

    [Fact]
    public async Task A_case_that_is_gone_is_no_longer_counted()
    {
        var id = await caraway.OpenCase();
        await caraway.Transition(id, "IN_REVIEW", "SUBMITTED", "DENIED");
        await caraway.Dispatch();
        await Database.CheckRollup();

        await Database.Execute($"""
            delete from advocacy.status_events where case_id = {id}; delete from advocacy.case_words where case_id = {id};
            delete from advocacy.cases where id = {id}
            """);
        await Deliver(new Event(1, 1, "case.moved", $"advocacy.case:{id}", DateTime.UnixEpoch, "test", null));

        await Database.CheckRollup();
        Assert.Equal(0, await Database.Scalar<long>($"select count(*) from advocacy.counted_cases where case_id = {id}"));
    }

    /// <summary>Cases in several states, delivered in several batches.</summary>
    private async Task Story()
    {
        var decided = await caraway.OpenCase();
        var closed = await caraway.OpenCase();
        await caraway.Dispatch();
        await caraway.Transition(decided, "IN_REVIEW", "NEEDS_INFO", "IN_REVIEW", "SUBMITTED");
        await caraway.Transition(closed, "CLOSED");
        await caraway.Dispatch();
        await caraway.Transition(decided, "APPROVED");
        await caraway.Dispatch();
        await caraway.Transition(decided, "CLOSED");
        await caraway.OpenCase();
        await caraway.Dispatch();
    }

    private async Task Deliver(params Event[] events)
    {
        await using var database = new Database(Database.Source);
        await new WhenCaseChanged().Handle(events, database, default);
    }

    private async Task Replay()
    {
        await Database.Execute("update platform.event_cursors set position = 0 where handler = 'advocacy-analytics'");
        await caraway.Dispatch();
    }
}
