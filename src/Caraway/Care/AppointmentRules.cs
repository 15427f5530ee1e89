using Caraway.Care.Contracts;
using Caraway.Platform.Http;
using Caraway.Platform.Security;
using Npgsql;

namespace Caraway.Care;

/// <summary>The rules that bookings and changes of appointments share, and their refusals.</summary>
internal static class AppointmentRules
{
    public const int ShortestMinutes = 5;
    public const int LongestMinutes = 480;
    public const int DefaultMinutes = 30;
    public const int ReasonLength = 255;
    public const int NotesLength = 10_000;

    /// <summary>Years from now. The table takes no later time.</summary>
    private const int LongestAhead = 10;

    public static Refusal NotFound { get; } = Refusal.NotFound(ProblemCodes.AppointmentNotFound, "Appointment not found");

    public static Refusal NotAvailable { get; } = Refusal.Conflict(ProblemCodes.DoctorNotAvailable, "Doctor is not available at that time");

    public static Refusal NoDoctor { get; } = Refusal.Invalid(new ProblemError("#/doctor_id", "There is no active doctor with this id."));

    public static Refusal NoPatient { get; } = Refusal.Invalid(new ProblemError("#/patient_id", "There is no patient with this id."));

    /// <returns>The refusal of a time in the past or too far ahead; null for a good time.</returns>
    public static Refusal? CheckTime(DateTime start, DateTime now)
    {
        if (start <= now)
            return Refusal.Invalid(new ProblemError("#/scheduled_time", "The time must be in the future."));
        return start > now.AddYears(LongestAhead)
            ? Refusal.Invalid(new ProblemError("#/scheduled_time", "The time must be within ten years."))
            : null;
    }

    public static Refusal TooMany { get; } = Refusal.Conflict(ProblemCodes.AppointmentLimit, "You have too many open appointments");

    /// <summary>
    /// The name of the violated constraint tells whose calendar is taken. A caller who may not see the patient's appointments does not
    /// learn that it is the patient's calendar.
    /// </summary>
    public static Refusal Taken(PostgresException violation, Caller caller, long patientId)
    {
        if (violation.ConstraintName == "doctor_booked_once")
            return Refusal.Conflict(ProblemCodes.DoctorBooked, "Doctor already has an appointment at that time");
        return caller.UserId == patientId || caller.May(CarePermissions.ReadAll) || caller.May(CarePermissions.WriteAll)
            ? Refusal.Conflict(ProblemCodes.PatientBooked, "Patient already has an appointment at that time")
            : Refusal.Conflict(ProblemCodes.TimeNotAvailable, "That time is not available");
    }
}
