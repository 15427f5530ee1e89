using System.Collections.Concurrent;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Identity.SignIns;

/// <summary>
/// The sign-ins that ended although some of their access tokens have not expired. Each process reads three times a second which sign-ins
/// ended in the last minute. So an end takes effect on every process within a second, and a token check needs no query. While the database
/// cannot be reached, every token is refused.
/// </summary>
internal sealed partial class EndedSessions(
    NpgsqlDataSource source, IOptions<IdentityOptions> options, TimeProvider time, ILogger<EndedSessions> logger)
    : BackgroundLoop(time)
{
    /// <summary>The interval is a literal: with a parameter, the planner expects a third of the table and reads all of it.</summary>
    internal const string ReadLately = "select id, ended_at from identity.sessions where ended_at > now() - interval '1 minute'";

    /// <summary>Used at the start and after an outage of the database.</summary>
    private const string ReadLonger = "select id, ended_at from identity.sessions where ended_at > now() - @reach";

    /// <summary>The interval of <see cref="ReadLately"/>, longer than any transaction that ends a sign-in.</summary>
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan Oldest = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ForgetEach = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<Guid, DateTime> ended = new();
    private readonly Lock turn = new();
    private Task reading = Task.CompletedTask;
    private long readAt;
    private long forgotAt;

    private sealed record Row(Guid Id, DateTime EndedAt);

    /// <summary>Whether the sign-in is still valid. Queries the database only when the last reading is more than a second old.</summary>
    public async ValueTask<bool> Holds(Guid session, CancellationToken cancel)
    {
        if (Age > Oldest)
            await Refresh().WaitAsync(cancel);
        return !ended.ContainsKey(session);
    }

    /// <summary>Ends the sign-in on this process at once; other processes read it from the database.</summary>
    public void End(Guid session) => ended[session] = Time.GetUtcNow().UtcDateTime;

    /// <summary>Reads the sign-ins that ended lately. Concurrent callers share one reading and its failure.</summary>
    public Task Refresh()
    {
        lock (turn)
            return reading.IsCompleted ? reading = ReadOnce() : reading;
    }

    protected override async Task<TimeSpan> RunRound(CancellationToken stopping)
    {
        await Refresh().WaitAsync(stopping);
        return Pause;
    }

    protected override TimeSpan OnFailure(Exception exception)
    {
        LogNotRead(exception);
        return TimeSpan.FromSeconds(1);
    }

    private async Task ReadOnce()
    {
        var began = Time.GetTimestamp();
        await using var database = new Database(source);
        var found = Age < Overlap / 2
            ? await database.List<Row>(ReadLately, null, CancellationToken.None)
            : await database.List<Row>(ReadLonger, new { reach = options.Value.AccessTokenLife + Overlap + Age }, CancellationToken.None);
        foreach (var row in found)
            ended[row.Id] = row.EndedAt;
        Interlocked.Exchange(ref readAt, began);
        if (Time.GetElapsedTime(forgotAt, began) > ForgetEach)
            Forget(began);
    }

    private TimeSpan Age => Interlocked.Read(ref readAt) is var at && at == 0 ? TimeSpan.FromDays(1) : Time.GetElapsedTime(at);

    /// <summary>Forgets the sign-ins that ended so long ago that all their tokens have expired.</summary>
    private void Forget(long now)
    {
        forgotAt = now;
        var oldest = Time.GetUtcNow().UtcDateTime - options.Value.AccessTokenLife - 2 * Overlap;
        foreach (var (session, at) in ended)
        {
            if (at < oldest)
                ended.TryRemove(session, out _);
        }
    }

    [LoggerMessage(72, LogLevel.Warning, "Ended sign-ins could not be read; bearer tokens are refused until the next reading.")]
    private partial void LogNotRead(Exception exception);
}
