using Caraway.Platform.Audit;
using Caraway.Platform.Security;

namespace Caraway.Care;

/// <summary>Whose things a caller sees: staff, auditors and keys with the scope everybody's, patients and doctors their own.</summary>
internal sealed record CareScope
{
    public required bool All { get; init; }

    /// <summary>The signed-in user; 0, whom nobody is, for others.</summary>
    public required long Me { get; init; }

    /// <summary>A condition on an appointment <c>a</c>, with <see cref="All"/> and <see cref="Me"/>.</summary>
    internal const string OfAppointment = "(@All or a.patient_id = @Me or (a.doctor_id = @Me and exists (select from identity.user_card me where me.id = @Me and me.role = 'doctor')))";

    /// <summary>
    /// A condition on a patient <c>p.id</c>. A doctor's patients are those with an appointment with him that somebody else gave him: by
    /// booking one himself he gets no access to anybody's results.
    /// </summary>
    internal const string OfPatient = """
        (@All or p.id = @Me or (exists (
            select from care.appointments own
            where own.doctor_id = @Me and own.patient_id = p.id and own.status <> 'cancelled' and own.doctor_given_by <> 'user:' || @Me)
            and exists (select from identity.user_card me where me.id = @Me and me.role = 'doctor')))
        """;

    public static CareScope Of(Caller caller) => new() { All = caller.May(Permission.CareReadAll) || caller.May(Permission.CareWriteAll), Me = caller.UserId ?? 0 };

    public static AccessedRecords Appointments(IEnumerable<Appointment.Row> rows)
    {
        var list = rows.ToList();
        return new AccessedRecords { Kind = "care.appointment", Ids = [.. list.Select(row => row.Id)], PatientIds = [.. list.Select(row => row.PatientId).Distinct()] };
    }

    public static AccessedRecords Results(IReadOnlyCollection<LabResult.Row> rows) =>
        new() { Kind = "care.lab_result", Ids = [.. rows.Select(row => row.Id)], PatientIds = [.. rows.Select(row => row.PatientId).Distinct()] };
}
