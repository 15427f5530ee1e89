using Caraway.Identity.Keys;
using Caraway.Platform.Postgres;

namespace Caraway.Tests.Infrastructure;

/// <summary>API keys for tests of any module.</summary>
internal static class TestKeys
{
    /// <summary>The header of a new API key with these scopes.</summary>
    public static async Task<(string, string)> Key(this CarawayFixture caraway, params string[] scopes)
    {
        await using var database = new Database(caraway.Database.Source);
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        return ("X-API-Key", await ManageApiKeys.Create("test", scopes, null, database, now, default));
    }
}
