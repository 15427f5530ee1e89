using System.Text.Json;
using Caraway.Platform.Postgres;
using Microsoft.Extensions.Caching.Memory;
using Npgsql;

namespace Caraway.Care;

/// <summary>
/// Doctors' availabilities, remembered so that a booking is one statement. What is remembered may be old: the statement that books asks
/// for its version, and the booking begins anew with a fresh one when it is another.
/// </summary>
internal sealed class AvailabilityCache(NpgsqlDataSource source) : IDisposable
{
    internal const string IsActiveDoctor = "select exists (select from identity.user_card where id = @doctorId and role = 'doctor' and is_active)";

    internal const string Select = "select rules, version from care.availability where doctor_id = @doctorId";

    private readonly MemoryCache remembered = new(new MemoryCacheOptions { SizeLimit = 10_000 });

    internal sealed record Row(string Rules, long Version);

    /// <param name="fresh">Whether to read it again.</param>
    public async ValueTask<Availability> Of(long doctorId, bool fresh, CancellationToken cancel)
    {
        if (!fresh && remembered.TryGetValue(doctorId, out Availability? known))
            return known!;
        await using var database = new Database(source);
        var row = await database.First<Row>(Select, new { doctorId }, cancel);
        var read = row is null ? Availability.Unset : Availability.Of(row.Version, JsonSerializer.Deserialize(row.Rules, CareJson.Default.Rules)!);
        return remembered.Set(doctorId, read, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = TimeSpan.FromMinutes(10) });
    }

    public void Dispose() => remembered.Dispose();
}
