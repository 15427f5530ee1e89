using System.Text.Json;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Care;

/// <summary><c>GET /api/v1/doctors/{id}/availability</c>: when a doctor can be booked. Every caller who can book may read it.</summary>
internal static class GetAvailability
{
    internal const string Select = $"""
        select a.rules, coalesce(a.version, 0) as version, d.is_active
        from {CareUsers.Doctors} d left join care.availability a on a.doctor_id = d.id
        where d.id = @id
        """;

    internal sealed record Row(string? Rules, long Version, bool IsActive);

    public static async Task<Results<Tagged<SetAvailability.Rules>, Refusal>> Handle(RowId id, Database database, CancellationToken cancel)
    {
        if (await database.First<Row>(Select, new { id = id.Value }, cancel) is not { } row)
            return NoDoctor;
        var rules = row.Rules is null
            ? new SetAvailability.Rules { TimeZone = "UTC", Exceptions = [] }
            : JsonSerializer.Deserialize(row.Rules, CareJson.Default.Rules)!;
        return new Tagged<SetAvailability.Rules>(ETag.Create(row.Version), rules);
    }

    internal static Refusal NoDoctor { get; } = Refusal.NotFound(ProblemCodes.UserNotFound, "Doctor not found");
}
