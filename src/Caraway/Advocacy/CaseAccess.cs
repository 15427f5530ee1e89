using Caraway.Platform.Audit;

namespace Caraway.Advocacy;

/// <summary>Cases as the access log names them.</summary>
internal static class CaseAccess
{
    public const string Kind = "advocacy.case";

    /// <summary>A case with the patient who it says it is of; asked for to tell 404 from an empty list, too.</summary>
    internal const string Select = "select id, patient_id from advocacy.cases where id = @Value";

    internal sealed record Parent(long Id, long? PatientId);

    public static AccessedRecords To(long id, long? patientId) => new() { Kind = Kind, Ids = [id], PatientIds = patientId is { } patient ? [patient] : null };

    public static AccessedRecords To(Parent parent) => To(parent.Id, parent.PatientId);
}
