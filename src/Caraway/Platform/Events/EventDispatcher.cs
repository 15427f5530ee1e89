using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Platform.Events;

/// <summary>
/// Runs the event handlers, each at its own pace. An event that fails waits in the handler's retries, and later events of its subject wait
/// behind it. All other events go on.
/// </summary>
internal sealed partial class EventDispatcher : BackgroundLoop
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(1);

    private readonly NpgsqlDataSource source;
    private readonly ILogger<EventDispatcher> logger;
    private readonly List<EventDelivery> deliveries;
    private readonly string[] names;

    public EventDispatcher(
        IEnumerable<IEventHandler> handlers, NpgsqlDataSource source, IOptions<EventOptions> options, CarawayMetrics metrics,
        TimeProvider time, ILogger<EventDispatcher> logger)
        : base(time)
    {
        this.source = source;
        this.logger = logger;
        var dependencies = new EventDelivery.Dependencies
        {
            Source = source, Options = options.Value, Metrics = metrics, Time = time, Logger = logger,
        };
        deliveries = [.. handlers.Select(handler => new EventDelivery(handler, dependencies))];
        names = [.. deliveries.Select(delivery => delivery.Name)];
        IsEnabled = options.Value.Enabled && deliveries.Count > 0;
    }

    protected override bool IsEnabled { get; }

    /// <summary>Adds a cursor for each handler that does not have one yet.</summary>
    public async Task RegisterHandlers(CancellationToken cancel)
    {
        await using var database = new Database(source);
        await EventCursors.Register(names, database, cancel);
    }

    /// <summary>Delivers a batch to every handler that is behind.</summary>
    /// <returns>Whether more events may be ready at once.</returns>
    public async Task<bool> RunOnce(CancellationToken cancel)
    {
        List<EventCursors.Behind> behind;
        await using (var database = new Database(source))
            behind = await EventCursors.ListBehind(names, Time.GetUtcNow().UtcDateTime, database, cancel);
        if (behind.Exists(one => one.IsMissing))
            await RegisterHandlers(cancel);
        var hasWorked = false;
        foreach (var delivery in deliveries.Where(delivery => behind.Exists(one => one.Handler == delivery.Name)))
            hasWorked |= await delivery.RunOnce(cancel);
        return hasWorked;
    }

    protected override async Task<TimeSpan> RunRound(CancellationToken stopping)
    {
        if (!await RunOnce(stopping))
            await EventSignal.Sequenced.Wait(PollInterval, stopping);
        return TimeSpan.Zero;
    }

    protected override TimeSpan OnFailure(Exception exception)
    {
        LogFailed(exception);
        return PauseAfterFailure;
    }

    [LoggerMessage(80, LogLevel.Warning, "A round of the event handlers failed. Its work was undone and is done again.")]
    private partial void LogFailed(Exception exception);
}
