using System.Text.Json;
using Caraway.Platform.Postgres;
using Microsoft.Extensions.Caching.Memory;
using Npgsql;

namespace Caraway.Care;

/// <summary>
/// Doctors' availabilities in memory, so that a booking is one statement. An entry may be old: the statement that books compares its
/// version, and the booking starts again with a fresh entry when the version has changed.
/// </summary>
internal sealed class AvailabilityCache(NpgsqlDataSource source) : IDisposable
{
    internal const string Select = "select rules, version from care.availability where doctor_id = @doctorId";

    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    private readonly MemoryCache cached = new(new MemoryCacheOptions { SizeLimit = 10_000 });

    internal sealed record Row(string Rules, long Version);

    /// <param name="fresh">Whether to read the availability from the database again.</param>
    public async ValueTask<Availability> Get(long doctorId, bool fresh, CancellationToken cancel)
    {
        if (!fresh && cached.TryGetValue(doctorId, out Availability? known))
            return known!;
        await using var database = new Database(source);
        var row = await database.First<Row>(Select, new { doctorId }, cancel);
        var read = row is null
            ? Availability.Unset
            : Availability.Create(row.Version, JsonSerializer.Deserialize(row.Rules, CareJson.Default.Rules)!);
        return cached.Set(doctorId, read, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Lifetime });
    }

    public void Dispose() => cached.Dispose();
}
