using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;

namespace Caraway.Platform.Http;

/// <summary>Deletes the answers that <see cref="IdempotencyKey"/> stored more than 24 hours ago.</summary>
internal sealed partial class IdempotencyCleanup(IServiceScopeFactory scopes, TimeProvider time, ILogger<IdempotencyCleanup> logger)
    : BackgroundLoop(time)
{
    private const int Chunk = 1000;

    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(10);

    // Rows that another process is deleting are skipped.
    private const string Delete = """
        delete from platform.idempotency_keys where key_hash in (
            select key_hash from platform.idempotency_keys
            where created_at <= @oldest order by created_at limit @Chunk for update skip locked)
        """;

    /// <returns>The number of deleted answers.</returns>
    public async Task<int> RunOnce(CancellationToken cancel)
    {
        var total = 0;
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<Database>();
        while (true)
        {
            var oldest = Time.GetUtcNow().UtcDateTime - IdempotencyKey.Kept;
            var deleted = await database.Execute(Delete, new { oldest, Chunk }, cancel);
            total += deleted;
            if (deleted < Chunk)
                return total;
        }
    }

    protected override async Task<TimeSpan> RunRound(CancellationToken stopping)
    {
        await RunOnce(stopping);
        return Pause;
    }

    protected override TimeSpan OnFailure(Exception exception)
    {
        LogPostponed(exception);
        return Pause;
    }

    [LoggerMessage(20, LogLevel.Error, "Old idempotency keys could not be deleted. The next run tries again.")]
    private partial void LogPostponed(Exception exception);
}
