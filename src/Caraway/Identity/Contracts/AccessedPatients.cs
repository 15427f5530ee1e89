using Caraway.Platform.Audit;

namespace Caraway.Identity.Contracts;

/// <summary>Patients, as the access log names an answer about their accounts or their records as a whole.</summary>
internal static class AccessedPatients
{
    public static AccessedRecords Create(params long[] ids) => new() { Kind = "identity.user", Ids = ids, PatientIds = ids };
}
