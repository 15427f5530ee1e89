using Caraway.Platform.Audit;

namespace Caraway.Advocacy;

/// <summary>Names cases in the access log.</summary>
internal static class CaseAccess
{
    public const string Kind = "advocacy.case";

    /// <summary>A case with its patient. Finding no row tells an unknown case (404) from a case with an empty list.</summary>
    internal const string Select = "select id, patient_id from advocacy.cases where id = @Value";

    internal sealed record Parent(long Id, long? PatientId);

    public static AccessedRecords To(long id, long? patientId) =>
        new() { Kind = Kind, Ids = [id], PatientIds = patientId is { } patient ? [patient] : null };

    public static AccessedRecords To(Parent parent) => To(parent.Id, parent.PatientId);
}
