using System.Diagnostics;
using Caraway.Platform.Jobs;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Jobs;

public sealed class JobSignalTests(PostgresServer postgres) : IAsyncLifetime
{
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.Create();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    /// <summary>With and without an Idempotency-Key, whose transaction ends after the handler.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("key-1")]
    public async Task A_document_added_here_does_not_wait_for_the_poll(string? key)
    {
        await using var own = await OwnCaraway.Start(database.Address, ("Jobs:PollMilliseconds", "60000"));
        var opened = await CarawayFixture.Send(own.Client, HttpMethod.Post, "/intakes", """{"full_name":"Ada","narrative":"n"}""");
        var id = opened.Json.GetProperty("case_id").GetInt64();
        // Both workers have looked and found nothing.
        await Task.Delay(500);

        var clock = Stopwatch.StartNew();
        await CarawayFixture.Send(own.Client, HttpMethod.Post, $"/cases/{id}/documents", """{"filename":"a.pdf"}""", key is null ? [] : [("Idempotency-Key", key)]);
        while (await database.Scalar<string>($"select status from advocacy.documents where case_id = {id}") != "PROCESSED")
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), "The document waits.");
            await Task.Delay(10);
        }
    }

    [Fact]
    public async Task A_signal_given_while_nobody_waits_is_kept()
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
