using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;
using Caraway.Support;
using Caraway.Tests.Infrastructure;
using Dapper;
using static Caraway.Tests.Support.SupportDesk;

namespace Caraway.Tests.Support;

/// <summary>The rollup of support cases stays the sum over the cases, and the gauges read it.</summary>
public sealed class CountedCasesTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private TestDatabase Database => caraway.Database;

    [Fact]
    public async Task A_second_delivery_and_a_replay_from_the_beginning_change_nothing()
    {
        var id = await Story();
        var counted = await Database.CheckSupportRollup();

        await Deliver(id, "support_case.opened", "support_case.moved", "support_case.moved");
        Assert.Equal(counted, await Database.ReadSupportRollup());

        await Replay();
        Assert.Equal(counted, await Database.ReadSupportRollup());
    }

    [Fact]
    public async Task A_replay_into_empty_tables_counts_the_same()
    {
        await Story();
        var counted = await Database.CheckSupportRollup();

        await Database.Execute("truncate support.counted_cases, support.day_counts, support.resolution_counts");
        await Replay();

        Assert.Equal(counted, await Database.ReadSupportRollup());
    }

    [Fact]
    public async Task The_event_of_a_case_that_is_deleted_already_counts_nothing()
    {
        await caraway.Dispatch();
        var before = await Database.CheckSupportRollup();
        var (anna, ben) = (NewUser(), NewUser("ben"));
        var id = await caraway.OpenedId(anna);
        await caraway.Share(anna, id, ben);
        await caraway.Move(anna, id, "resolved");
        await caraway.Delete(anna, $"{Cases}/{id}");

        await caraway.Dispatch();

        Assert.Equal(before, await Database.CheckSupportRollup());
    }

    [Fact]
    public async Task The_gauges_show_cases_by_status_and_severity_and_the_oldest_untouched()
    {
        await caraway.Dispatch();
        var now = await Database.Scalar<DateTime>("select now()");
        var oldest = await Database.Scalar<DateTime>("select coalesce(min(updated_at), now()) from support.cases where ended_at is null");
        var before = await Read(CountCases.Gauge, now);
        Assert.Equal(20, before.Count);
        Assert.Equal((now - oldest).TotalSeconds, (await Read(CountCases.OldestUntouchedAge, now))[""], 0.1);
        Assert.Equal(0, (await Read(CountCases.OldestUntouchedAge, oldest.AddSeconds(-1)))[""]);

        var anna = NewUser();
        await caraway.Plant(
            "gateway:" + anna.UserId,
            new("investigating", "2001-02-03T00:00:00Z") { Severity = "high" },
            new("archived", "2000-02-03T00:00:00Z", null, "2000-02-04T00:00:00Z"));
        await caraway.Dispatch();
        var after = await Read(CountCases.Gauge, now);

        Assert.Equal(
            ["archived/medium 1", "investigating/high 1"],
            after.Where(series => series.Value != before[series.Key]).Select(series => $"{series.Key} {series.Value - before[series.Key]}")
                .Order(StringComparer.Ordinal));
        var planted = new DateTime(2001, 2, 3, 0, 0, 0, DateTimeKind.Utc);
        Assert.Equal((now - planted).TotalSeconds, (await Read(CountCases.OldestUntouchedAge, now))[""], 0.1);
    }

    /// <summary>Cases in several states, delivered in several batches.</summary>
    private async Task<string> Story()
    {
        var anna = NewUser();
        var id = await caraway.OpenedId(anna);
        var closed = await caraway.OpenedId(anna);
        await caraway.Dispatch();
        await caraway.Move(anna, id, "investigating");
        await caraway.Move(anna, id, "resolved");
        await caraway.Move(anna, closed, "closed");
        await caraway.Dispatch();
        await caraway.Put(anna, $"{Cases}/{id}", """{"status":"investigating","severity":"low","category":"security"}""");
        await caraway.Move(anna, closed, "archived");
        await caraway.Dispatch();
        await caraway.Move(anna, id, "resolved");
        await caraway.Dispatch();
        return id;
    }

    private async Task Deliver(string id, params string[] names)
    {
        await using var database = new Database(Database.Source);
        var events = names.Select(name => new Event(1, 1, name, $"support.case:{id}", DateTime.UnixEpoch, "test", null));
        await new WhenCaseChanged().Handle([.. events], database, default);
    }

    private async Task Replay()
    {
        await Database.Execute("update platform.event_cursors set position = 0 where handler = 'support-analytics'");
        await caraway.Dispatch();
    }

    private async Task<Dictionary<string, double>> Read(DatabaseGauge gauge, DateTime now)
    {
        await using var database = new Database(Database.Source);
        var values = new DynamicParameters(gauge.Values);
        values.Add("now", now);
        return (await database.List<GaugeReading>(gauge.Sql, values, default))
            .ToDictionary(reading => string.Join('/', reading.Labels), reading => reading.Value, StringComparer.Ordinal);
    }
}
