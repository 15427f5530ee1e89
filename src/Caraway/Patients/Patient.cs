namespace Caraway.Patients;

/// <summary>A user with the role patient, as this module needs one.</summary>
internal static class Patient
{
    internal const string Exists = "select exists (select from identity.user_card where id = @id and role = 'patient')";
}
