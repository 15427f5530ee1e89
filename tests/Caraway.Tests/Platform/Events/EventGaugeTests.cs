using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Events;

/// <summary>The gauges that show how far event handling is behind.</summary>
public sealed class EventGaugeTests(PostgresServer postgres) : DispatcherTestBase(postgres)
{
    [Fact]
    public async Task Gauges_show_how_far_handlers_are_behind()
    {
        await AddSequenced(5);
        options.MaxAttempts = 1;
        options.Batch = 1;
        var dispatcher = await Create(new Recorder { Fails = e => e.Position == 2 });
        Assert.Equal("test=5", await ReadGauge(EventGauges.Lag));
        Assert.Equal("test,parked=0 test,waiting=0", await ReadGauge(EventGauges.Retries));

        await dispatcher.RunOnce(default);
        Assert.Equal("test=4", await ReadGauge(EventGauges.Lag));
        await Drain(dispatcher);
        options.MaxAttempts = 3;
        await Drain(await Create(new Recorder { Name = "other", Fails = e => e.Position == 1 }));
        Assert.Equal("other=0 test=0", await ReadGauge(EventGauges.Lag));
        Assert.Equal("other,parked=0 other,waiting=3 test,parked=1 test,waiting=0", await ReadGauge(EventGauges.Retries));
    }

    [Fact]
    public async Task A_gauge_shows_how_long_events_wait_for_their_positions()
    {
        Assert.Equal("=0", await ReadGauge(EventGauges.UnsequencedAge));
        await AddSequenced(5);
        clock.Pass(TimeSpan.FromHours(1));
        Assert.Equal("=0", await ReadGauge(EventGauges.UnsequencedAge));

        await Add(3, "test.happened");
        clock.Pass(TimeSpan.FromSeconds(90));
        await Add(1, "test.happened");
        Assert.Equal("=90", await ReadGauge(EventGauges.UnsequencedAge));
        await Sequence();
        Assert.Equal("=0", await ReadGauge(EventGauges.UnsequencedAge));
    }

    private async Task<string> ReadGauge(DatabaseGauge gauge)
    {
        await using var own = new Database(database.Source);
        var values = new Dapper.DynamicParameters();
        values.Add("now", Now);
        var readings = await own.List<GaugeReading>(gauge.Sql, values, default);
        var texts = readings.Select(reading => $"{string.Join(',', reading.Labels)}={reading.Value}");
        return string.Join(' ', texts.Order(StringComparer.Ordinal));
    }
}
