using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Patients;

/// <summary><c>GET /api/v1/patients/{id}/access-log</c>: who saw data of the patient, when and why. For auditors and the patient.</summary>
internal static class GetPatientAccessLog
{
    internal static readonly string Select = AccessPage.Select("b.patient_ids @> array[@id]", "a.patient_ids @> array[@id]");

    public static async Task<Results<Ok<AccessPage>, Refusal>> Handle(
        RowId id, string? limit, string? cursor, PageSizes sizes, Caller caller, AccessLog accesses, Database database,
        CancellationToken cancel)
    {
        if (Page.Read(limit, cursor, sizes, out var page) is { } refusal)
            return refusal;
        if (!(caller.UserId == id.Value || caller.May(Permission.AuditRead))
            || !await database.First<bool>(Patient.Exists, new { id = id.Value }, cancel))
            return Refusal.NotFound(ProblemCodes.UserNotFound, "Patient not found");
        var entries = await database.List<AccessEntry>(Select + page.Take, new { id = id.Value, page.Before }, cancel);
        return accesses.Add(caller, AccessedPatients.Create(id.Value)) is { } unrecorded
            ? unrecorded
            : TypedResults.Ok(AccessPage.Create(entries, page));
    }
}
