using System.Diagnostics;
using System.Text.Json;
using Caraway.Platform.Events;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Infrastructure;

/// <summary>What happens behind an answer: accesses written, events given their positions and brought to their handlers.</summary>
internal static class EventFlow
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Returns when every access that was recorded before is written: a later one is.</summary>
    public static async Task WriteAccesses(this CarawayFixture caraway)
    {
        var id = await caraway.OpenCase();
        var last = await caraway.Get($"/cases/{id}");
        Assert.Equal(200, last.Status);
        const string written = "select count(*) from platform.access_log where request_id = @request";
        await Until(async () => await caraway.Database.Scalar<long>(written, ("request", last.Headers["X-Request-Id"])) == 1);
    }

    /// <summary>The rows that these requests left in the access log, oldest first, without ids and times.</summary>
    public static async Task<JsonElement> Accesses(this CarawayFixture caraway, params Answer[] answers)
    {
        await caraway.WriteAccesses();
        var json = await caraway.Database.Scalar<string>(
            """
            select coalesce(json_agg(to_jsonb(a) - 'id' - 'at' order by a.id), '[]')::text
            from platform.access_log a where request_id = any(@requests)
            """,
            ("requests", answers.Select(answer => answer.Headers["X-Request-Id"]).ToArray()));
        return JsonDocument.Parse(json!).RootElement;
    }

    /// <summary>Gives every event that is there its position.</summary>
    public static async Task Sequence(this CarawayFixture caraway)
    {
        var last = await caraway.Database.Scalar<long>("select coalesce(max(id), 0) from platform.events");
        await Until(async () =>
        {
            await caraway.Services.GetRequiredService<Sequencer>().RunOnce(default);
            return await caraway.Database.Scalar<long>($"""
                select count(*) from platform.events e
                where id <= {last} and not exists (select from platform.chain c where c.event_id = e.id)
                """) == 0;
        });
    }

    /// <summary>Gives every event that is there its position, and brings it to the handlers.</summary>
    public static async Task Dispatch(this CarawayFixture caraway)
    {
        await caraway.Sequence();
        var dispatcher = caraway.Services.GetRequiredService<EventDispatcher>();
        await dispatcher.RegisterHandlers(default);
        while (await dispatcher.RunOnce(default))
        {
        }

        Assert.Equal(0, await caraway.Database.Scalar<long>("select count(*) from platform.event_retries"));
    }

    public static async Task Until(Func<Task<bool>> isSo, TimeSpan? patience = null)
    {
        var watch = Stopwatch.StartNew();
        while (!await isSo())
        {
            Assert.True(watch.Elapsed < (patience ?? Patience), "It did not come about.");
            await Task.Delay(20);
        }
    }
}
