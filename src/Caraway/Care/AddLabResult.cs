using System.Text.Json;
using Caraway.Care.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Care;

/// <summary><c>POST /api/v1/lab-results</c>: staff record results for every patient, doctors for their own patients.</summary>
internal static class AddLabResult
{
    public const int TestNameLength = 255;
    public const int MostBytes = 64 * 1024;

    public sealed record Request
    {
        [Needed]
        public long? PatientId { get; init; }

        [Needed, Text(TestNameLength)]
        public string? TestName { get; init; }

        /// <summary>A JSON object of at most 64 KiB and 16 levels. One of the shape in docs/api/care.md gets an interpretation.</summary>
        [Needed]
        public JsonElement? ResultData { get; init; }

        [Needed]
        public DateTime? RecordedAt { get; init; }
    }

    /// <summary>Returns no row when the patient does not exist, or is not one of the doctor's patients.</summary>
    internal const string Insert = $"""
        with added as (
            insert into care.lab_results as r (patient_id, test_name, result_data, interpretation, recorded_at, created_at)
            select p.id, @TestName, @data, @interpretation, @recordedAt, @now
            from {CareUsers.Patients} p where p.id = @patientId and (@writeAll or (p.id <> @Me and {CareScope.SeesPatient}))
            returning {LabResult.Columns}
        ), logged as (
            {EventSql.Insert}
            select @now, 'lab_result.created', 'care.lab_result:' || id, @caller, @RequestId, @Address,
                json_build_object('lab_result_id', id, 'patient_id', patient_id, 'test_name', test_name)::text
            from added
        )
        select * from added
        """;

    private const string Explain = $"select {CareUsers.PatientExists}";

    public static async Task<Results<Created<LabResult.Response>, Refusal>> Handle(
        Request request, Caller caller, Database database, TimeProvider time, CancellationToken cancel)
    {
        var (data, scope) = (request.ResultData!.Value, CareScope.From(caller));
        if (FreeFormJson.FindFault(data, MostBytes) is { } fault)
            return Refusal.Invalid(new ProblemError("#/result_data", fault));
        var writeAll = caller.May(CarePermissions.WriteAll);
        var patientId = request.PatientId!.Value;
        if (!writeAll && caller.UserId == patientId)
            return Refusal.Forbidden("Results are recorded by doctors and staff.");
        var row = await database.First<LabResult.Row>(
            Insert,
            new
            {
                patientId, request.TestName, data = data.GetRawText(), interpretation = LabInterpretation.Interpret(data),
                recordedAt = request.RecordedAt!.Value, now = time.GetUtcNow().UtcDateTime, writeAll, All = false, scope.Me,
                caller = caller.Id, caller.RequestId, caller.Address,
            },
            cancel);
        if (row is not null)
            return TypedResults.Created($"/api/v1/lab-results/{row.Id}", row.ToResponse());
        return writeAll || await database.First<bool>(Explain, new { patientId }, cancel) is false
            ? AppointmentRules.NoPatient
            : Refusal.Forbidden("Results are recorded by the patient's doctors and staff.");
    }
}
