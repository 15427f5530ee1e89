using Caraway.Care.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Security;

namespace Caraway.Care;

/// <summary>What a caller sees: staff, auditors and keys with the scope see everything, patients and doctors their own.</summary>
internal sealed record CareScope
{
    public required bool All { get; init; }

    /// <summary>The signed-in user; 0, which is nobody's id, for other callers.</summary>
    public required long Me { get; init; }

    /// <summary>A condition on an appointment <c>a</c>, with <see cref="All"/> and <see cref="Me"/>.</summary>
    internal const string SeesAppointment = $"(@All or a.patient_id = @Me or (a.doctor_id = @Me and {CareUsers.CallerIsDoctor}))";

    /// <summary>
    /// A condition on a patient <c>p.id</c>. A doctor's patients are those with an appointment for which somebody else named the doctor: a
    /// doctor who books an appointment gets no access to the patient's results by it.
    /// </summary>
    internal const string SeesPatient = $"""
        (@All or p.id = @Me or (exists (
            select from care.appointments own where own.patient_id = p.id and {GivenToDoctor})
            and {CareUsers.CallerIsDoctor}))
        """;

    /// <summary>A condition on an appointment <c>own</c>: it makes its patient one of the doctor <c>@Me</c>.</summary>
    internal const string GivenToDoctor =
        "own.doctor_id = @Me and own.status <> 'cancelled' and own.doctor_given_by <> 'user:' || @Me";

    public static CareScope From(Caller caller) => new()
    {
        All = caller.May(CarePermissions.ReadAll) || caller.May(CarePermissions.WriteAll),
        Me = caller.UserId ?? 0,
    };

    public static AccessedRecords Accessed(IReadOnlyCollection<Appointment.Row> appointments) => new()
    {
        Kind = "care.appointment",
        Ids = [.. appointments.Select(row => row.Id)],
        PatientIds = [.. appointments.Select(row => row.PatientId).Distinct()],
    };

    public static AccessedRecords Accessed(IReadOnlyCollection<LabResult.Row> results) => new()
    {
        Kind = "care.lab_result",
        Ids = [.. results.Select(row => row.Id)],
        PatientIds = [.. results.Select(row => row.PatientId).Distinct()],
    };
}
