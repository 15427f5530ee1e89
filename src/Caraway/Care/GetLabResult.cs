using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Care;

/// <summary><c>GET /api/v1/lab-results/{id}</c>, for the patient, the patient's doctors and staff.</summary>
internal static class GetLabResult
{
    internal const string Select = $"""
        select {LabResult.Columns} from care.lab_results r join identity.user_card p on p.id = r.patient_id
        where r.id = @id and {CareScope.SeesPatient}
        """;

    public static async Task<Results<Ok<LabResult.Response>, Refusal>> Handle(
        RowId id, Caller caller, AccessLog accesses, Database database, CancellationToken cancel)
    {
        var scope = CareScope.From(caller);
        if (await database.First<LabResult.Row>(Select, new { id = id.Value, scope.All, scope.Me }, cancel) is not { } row)
            return Refusal.NotFound(ProblemCodes.LabResultNotFound, "Lab result not found");
        return accesses.Add(caller, CareScope.Accessed([row])) is { } unrecorded ? unrecorded : TypedResults.Ok(row.ToResponse());
    }
}
