using System.Text.Json;
using Caraway.Platform.Http;

namespace Caraway.Care;

/// <summary>A lab result as the API shows it.</summary>
internal static class LabResult
{
    /// <param name="ResultData">The object as it was sent; numbers keep every digit.</param>
    /// <param name="Interpretation">low, normal, high or unknown: <see cref="LabInterpretation"/>.</param>
    public sealed record Response(
        long Id, long PatientId, string TestName, JsonElement ResultData, string Interpretation, DateTime RecordedAt, DateTime CreatedAt);

    internal sealed record Row(
        long Id, long PatientId, string TestName, string ResultData, string Interpretation, DateTime RecordedAt, DateTime CreatedAt)
    {
        public Response ToResponse() => new(Id, PatientId, TestName, FreeFormJson.Parse(ResultData), Interpretation, RecordedAt, CreatedAt);
    }

    /// <summary>Of a result <c>r</c>.</summary>
    internal const string Columns = "r.id, r.patient_id, r.test_name, r.result_data, r.interpretation, r.recorded_at, r.created_at";
}
