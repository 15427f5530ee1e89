using System.Text.Json;
using Caraway.Platform.Postgres;
using Microsoft.Extensions.Caching.Memory;
using Npgsql;

namespace Caraway.Care;

/// <summary>
/// Doctors' availabilities in memory, so that a booking is one statement. An entry may be old, because any process can change an
/// availability. The statement that books therefore compares the entry's version with the stored one, and the booking starts again with a
/// fresh entry when the two differ or when the entry does not cover the time (<see cref="BookAppointment"/>,
/// <see cref="UpdateAppointment"/>).
/// </summary>
internal sealed class AvailabilityCache(NpgsqlDataSource source) : IDisposable
{
    internal const string Select = "select rules, version from care.availability where doctor_id = @doctorId";

    /// <summary>Frees the memory of doctors whom nobody books. An old entry costs a second try, never a wrong booking.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    private readonly MemoryCache cached = new(new MemoryCacheOptions { SizeLimit = 10_000 });

    internal sealed record Row(string Rules, long Version);

    /// <param name="fresh">True for a second try: reads the database and replaces the entry.</param>
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
