using System.Diagnostics;
using Caraway.Platform.Jobs;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Jobs;

public sealed class JobSignalTests(PostgresServer postgres) : IAsyncLifetime
{
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.Create();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    /// <summary>The transaction of an Idempotency-Key ends after the handler; the signal must wait for its commit.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("key-1")]
    public async Task A_document_added_on_this_process_does_not_wait_for_the_poll(string? key)
    {
        await using var own = await OwnCaraway.Start(database.Address, ("Jobs:PollMilliseconds", "60000"));
        var opened = await CarawayFixture.Send(own.Client, HttpMethod.Post, "/intakes", """{"full_name":"Ada","narrative":"n"}""");
        var id = opened.Json.GetProperty("case_id").GetInt64();
        // Both workers are idle by now.
        await Task.Delay(500);

        var clock = Stopwatch.StartNew();
        (string, string)[] headers = key is null ? [] : [("Idempotency-Key", key)];
        await CarawayFixture.Send(own.Client, HttpMethod.Post, $"/cases/{id}/documents", """{"filename":"a.pdf"}""", headers);
        while (await database.Scalar<string>($"select status from advocacy.documents where case_id = {id}") != "PROCESSED")
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), "The document waits for the poll.");
            await Task.Delay(10);
        }
    }

    [Fact]
    public async Task A_signal_without_a_waiting_worker_is_kept()
    {
        var signal = new JobSignal();
        signal.Queued("q");
        signal.Queued("q");

        await signal.Wait("q", TimeSpan.FromMinutes(1), default).WaitAsync(TimeSpan.FromSeconds(5));

        var second = signal.Wait("q", TimeSpan.FromMinutes(1), default);
        await Task.Delay(50);
        Assert.False(second.IsCompleted);
        signal.Queued("other");
        await Task.Delay(50);
        Assert.False(second.IsCompleted);
        signal.Queued("q");
        await second.WaitAsync(TimeSpan.FromSeconds(5));
    }
}
