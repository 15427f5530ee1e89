namespace Caraway.Care;

/// <summary>The users that appointments and results name, for the statements of the module: <c>from {CareUsers.Doctors} d</c>.</summary>
internal static class CareUsers
{
    /// <summary>Users with the role doctor. A deactivated doctor cannot be booked.</summary>
    internal const string Doctors = "(select id, is_active from identity.user_card where role = 'doctor')";

    /// <summary>Users with the role patient.</summary>
    internal const string Patients = "(select id, is_active from identity.user_card where role = 'patient')";

    /// <summary>The caller <c>@Me</c> is a doctor today, whatever the token says.</summary>
    internal const string CallerIsDoctor = $"exists (select from {Doctors} me where me.id = @Me)";

    /// <summary>The user <c>@doctorId</c> can be booked.</summary>
    internal const string DoctorIsActive = $"exists (select from {Doctors} d where d.id = @doctorId and d.is_active)";

    /// <summary>The user <c>@patientId</c> is a patient.</summary>
    internal const string PatientExists = $"exists (select from {Patients} p where p.id = @patientId)";
}
