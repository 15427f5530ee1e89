using System.Diagnostics;
using Caraway.Platform.Events;
using Caraway.Platform.Postgres;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Events;

/// <summary>How an answer waits for a handler, and says how far the handler is.</summary>
public sealed class CatchUpTests(PostgresServer postgres) : DispatcherTestBase(postgres)
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Nothing_is_waited_for_when_every_event_is_handled()
    {
        var dispatcher = await Create(new Recorder());
        Assert.Null((await Wait()).CompleteTo);
        await AddSequenced(5);
        await Drain(dispatcher);

        var (completeTo, took) = await Wait();

        Assert.Null(completeTo);
        Assert.InRange(took, TimeSpan.Zero, Longest / 2);
    }

    [Fact]
    public async Task A_handler_that_comes_within_the_second_is_waited_for()
    {
        var dispatcher = await Create(new Recorder());
        await Add(5, "test.happened");

        var waiting = Wait();
        await Task.Delay(100);
        Assert.False(waiting.IsCompleted);
        await Sequence();
        await Task.Delay(100);
        Assert.False(waiting.IsCompleted);
        await Drain(dispatcher);

        Assert.Null((await waiting).CompleteTo);
    }

    [Fact]
    public async Task Later_events_are_not_waited_for()
    {
        options.Batch = 5;
        var dispatcher = await Create(new Recorder());
        await AddSequenced(5);

        var waiting = Wait();
        await Task.Delay(100);
        await AddSequenced(5);
        await dispatcher.RunOnce(default);

        Assert.Null((await waiting).CompleteTo);
        Assert.Equal("5 0 0", await ReadProgress());
    }

    [Fact]
    public async Task Without_the_handler_the_answer_says_after_a_second_which_events_it_misses()
    {
        var dispatcher = await Create(new Recorder());
        await AddSequenced(5);
        await Drain(dispatcher);
        clock.Pass(TimeSpan.FromHours(1));
        var missed = Now;
        await Add(1, "test.happened");
        clock.Pass(TimeSpan.FromHours(1));
        await Add(1, "test.happened");

        var unsequenced = await Wait();
        await Sequence();
        var sequenced = await Wait();

        Assert.Equal([missed, missed], new[] { unsequenced.CompleteTo, sequenced.CompleteTo });
        Assert.InRange(unsequenced.Took, Longest, Longest * 10);
        Assert.InRange(sequenced.Took, Longest, Longest * 10);
    }

    [Fact]
    public async Task An_event_of_another_name_is_not_waited_for()
    {
        await Create(new Recorder());
        await Add(1, "test.other");

        var (completeTo, took) = await Wait();

        Assert.Null(completeTo);
        Assert.InRange(took, TimeSpan.Zero, Longest / 2);
    }

    [Fact]
    public async Task A_parked_event_is_named_at_once_and_one_that_waits_for_an_attempt_after_a_second()
    {
        var dispatcher = await Create(new Recorder { Fails = e => e.Position == 1 });
        var failed = Now;
        await AddSequenced(1);
        clock.Pass(TimeSpan.FromHours(1));
        await AddSequenced(1);
        await Drain(dispatcher);
        var waiting = await Wait();
        for (var attempts = 1; attempts < options.MaxAttempts; attempts++)
        {
            clock.Pass(TimeSpan.FromHours(1));
            await Drain(dispatcher);
        }

        var parked = await Wait();

        Assert.Equal("2 0 1", await ReadProgress());
        Assert.Equal([failed, failed], new[] { waiting.CompleteTo, parked.CompleteTo });
        Assert.InRange(waiting.Took, Longest, Longest * 10);
        Assert.InRange(parked.Took, TimeSpan.Zero, Longest / 2);
    }

    private async Task<(DateTime? CompleteTo, TimeSpan Took)> Wait()
    {
        var watch = Stopwatch.StartNew();
        await using var own = new Database(database.Source);
        var completeTo = await CatchUp.Wait("test", ["test.happened"], own, TimeProvider.System, default);
        return (completeTo, watch.Elapsed);
    }
}
