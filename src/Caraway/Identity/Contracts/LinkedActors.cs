using System.Diagnostics.CodeAnalysis;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.Extensions.Caching.Memory;
using Npgsql;

namespace Caraway.Identity.Contracts;

/// <summary>
/// The actors whose things belong to a caller: the caller, and the person's other identity when an administrator linked a gateway's user
/// with a user. Each caller's links are read at most once a second, and a reading is used for at most a second: a link that ends has no
/// effect after a second on every process.
/// </summary>
internal sealed class LinkedActors(NpgsqlDataSource source) : IDisposable
{
    /// <summary>Links of a deactivated user do not count.</summary>
    internal const string OfUser = """
        select 'gateway:' || l.gateway_id from identity.gateway_links l join identity.users u on u.id = l.user_id
        where l.user_id = @id and u.is_active
        """;

    internal const string OfGatewayId = """
        select 'user:' || l.user_id from identity.gateway_links l join identity.users u on u.id = l.user_id
        where l.gateway_id = @gatewayId and u.is_active
        """;

    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(1);

    private readonly MemoryCache readings = new(new MemoryCacheOptions { SizeLimit = 10_000 });
    private readonly Lock turn = new();

    /// <summary>The names of the actors as events store them: <c>user:5</c>, <c>gateway:anna</c>.</summary>
    /// <returns>The caller's own name first. Callers share the array and do not change it.</returns>
    public async ValueTask<string[]> Of(Caller caller, CancellationToken cancel) =>
        caller.UserId is not null || caller.Id.StartsWith(GatewayId.Actor, StringComparison.Ordinal)
            ? await Find(caller).WaitAsync(cancel)
            : [caller.Id];

    public void Dispose() => readings.Dispose();

    /// <summary>Concurrent requests of one caller share a reading and its failure.</summary>
    private Task<string[]> Find(Caller caller)
    {
        if (IsKnown(caller, out var known))
            return known;
        lock (turn)
        {
            return IsKnown(caller, out known) ? known : readings.Set(
                caller.Id, Read(caller), new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Lifetime });
        }
    }

    private bool IsKnown(Caller caller, [NotNullWhen(true)] out Task<string[]>? reading) =>
        readings.TryGetValue(caller.Id, out reading) && reading is { IsFaulted: false, IsCanceled: false };

    private async Task<string[]> Read(Caller caller)
    {
        await using var database = new Database(source);
        var linked = caller.UserId is { } id
            ? await database.First<string>(OfUser, new { id }, CancellationToken.None)
            : await database.First<string>(OfGatewayId, new { gatewayId = caller.Id[GatewayId.Actor.Length..] }, CancellationToken.None);
        return linked is null ? [caller.Id] : [caller.Id, linked];
    }
}
