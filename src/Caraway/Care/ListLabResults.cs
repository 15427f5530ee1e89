using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Caraway.Care;

/// <summary><c>GET /api/v1/lab-results/patients/{patient_id}</c>: latest first, for the patient, the patient's doctors and staff.</summary>
internal static class ListLabResults
{
    internal const string Select = $"""
        select exists (select from {CareUsers.Patients} p where p.id = @id and {CareScope.SeesPatient});
        select {LabResult.Columns} from care.lab_results r
        where r.patient_id = @id and (r.recorded_at, r.id) < (@Time, @Id2)
        order by r.recorded_at desc, r.id desc
        """;

    public static async Task<Results<Ok<List<LabResult.Response>>, Refusal>> Handle(
        [FromRoute(Name = "patient_id")] RowId patientId, string? limit, [Opaque] string? cursor,
        HttpContext http, Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        if (TimePage.Read(limit, cursor, CareModule.Pages, out var page) is { } refusal)
            return refusal;
        var scope = CareScope.From(caller);
        var (isSeen, rows) = await database.Many(
            Select + page.Take, new { id = patientId.Value, page.Time, Id2 = page.Id, scope.All, scope.Me },
            async grid => (await grid.ReadSingleAsync<bool>(), (await grid.ReadAsync<LabResult.Row>()).AsList()), cancel);
        if (!isSeen)
            return Refusal.NotFound(ProblemCodes.UserNotFound, "Patient not found");
        page.Cut(rows, row => (row.RecordedAt, row.Id), http);
        return accesses.Add(caller, CareScope.Accessed(rows)) is { } unrecorded
            ? unrecorded
            : TypedResults.Ok(rows.ConvertAll(row => row.ToResponse()));
    }
}
