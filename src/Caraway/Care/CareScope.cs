using Caraway.Care.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Security;

namespace Caraway.Care;

/// <summary>
/// Which appointments and results a caller sees: all of them with <c>care:read_all</c> or <c>care:write_all</c> (caseworkers,
/// administrators, auditors, keys); else those of the caller as the patient or as the doctor.
/// </summary>
internal sealed record CareScope
{
    /// <summary>Whether the caller sees everything.</summary>
    public required bool All { get; init; }

    /// <summary>The signed-in user; 0, which is nobody's id, for other callers.</summary>
    public required long Me { get; init; }

    /// <summary>A condition on an appointment <c>a</c>, with the parameters <c>@All</c> and <c>@Me</c>.</summary>
    internal const string SeesAppointment = $"(@All or a.patient_id = @Me or (a.doctor_id = @Me and {CareUsers.CallerIsDoctor}))";

    /// <summary>
    /// A condition on an appointment <c>own</c>: it makes its patient one of the patients of the doctor <c>@Me</c>, who then sees the
    /// patient's results. Somebody else must have named the doctor, or doctors could open any patient's results by a booking.
    /// </summary>
    internal const string GivenToDoctor =
        "own.doctor_id = @Me and own.status <> 'cancelled' and own.doctor_given_by <> 'user:' || @Me";

    /// <summary>A condition on a patient <c>p</c>: all patients, the caller, or the patients of a doctor.</summary>
    internal const string SeesPatient = $"""
        (@All or p.id = @Me or (exists (
            select from care.appointments own where own.patient_id = p.id and {GivenToDoctor})
            and {CareUsers.CallerIsDoctor}))
        """;

    public static CareScope From(Caller caller) => new()
    {
        All = caller.May(CarePermissions.ReadAll) || caller.May(CarePermissions.WriteAll),
        Me = caller.UserId ?? 0,
    };

    /// <summary>Names appointments in the access log.</summary>
    public static AccessedRecords Accessed(IReadOnlyCollection<Appointment.Row> appointments) => new()
    {
        Kind = "care.appointment",
        Ids = [.. appointments.Select(row => row.Id)],
        PatientIds = [.. appointments.Select(row => row.PatientId).Distinct()],
    };

    /// <summary>Names results in the access log.</summary>
    public static AccessedRecords Accessed(IReadOnlyCollection<LabResult.Row> results) => new()
    {
        Kind = "care.lab_result",
        Ids = [.. results.Select(row => row.Id)],
        PatientIds = [.. results.Select(row => row.PatientId).Distinct()],
    };
}
