using Caraway.Platform.Audit;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Audit;

/// <summary>A database for each test. <see cref="TestEventLog.Fill"/> gives it a known content.</summary>
public abstract class VerifierTestBase(PostgresServer postgres) : IAsyncLifetime
{
    private protected static readonly MasterKey Key = MasterKey.Read(CarawayFixture.Master, new PrivateFolder(Path.GetTempPath()));

    private protected TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.Create();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    private protected static void AssertFirst(string expected, Verification found)
    {
        Assert.NotEmpty(found.Problems);
        Assert.Contains(expected, found.Problems[0], StringComparison.Ordinal);
    }

    private protected static void AssertAny(string expected, Verification found) =>
        Assert.Contains(found.Problems, problem => problem.Contains(expected, StringComparison.Ordinal));

    private protected async Task<bool> Erase(long id)
    {
        await using var own = new Database(database.Source);
        return await EraseEvent.Run(id, "asked for", own, DateTime.UtcNow, default);
    }

    private protected async Task<Checkpoint> TakeCheckpoint()
    {
        await using var own = new Database(database.Source);
        return (await Checkpoint.Take(own, Key, new DateTime(2026, 6, 1, 0, 0, 0, DateTimeKind.Utc), default))!;
    }
}
