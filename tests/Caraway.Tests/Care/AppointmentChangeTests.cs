using System.Globalization;
using Caraway.Care;
using Caraway.Platform.Http;

namespace Caraway.Tests.Care;

/// <summary><see cref="AppointmentChange.Decide"/> as tables: who may ask for what, and what becomes of it.</summary>
public sealed class AppointmentChangeTests
{
    private const long Patient = 1;
    private const long Doctor = 2;
    private const long Colleague = 3;

    private static readonly DateTime Now = new(2026, 6, 1, 8, 0, 0, DateTimeKind.Utc);
    private static readonly DateTime Before = Now.AddDays(1);
    private static readonly DateTime After = Now.AddDays(2);

    private static readonly string[] Statuses = ["pending", "confirmed", "completed", "cancelled"];

    /// <summary>From each status (rows) to each requested one; a dash requests no status.</summary>
    [Theory]
    [InlineData(false, "pending", "-: pending, pending: pending, confirmed: confirmed, completed: 409, cancelled: cancelled")]
    [InlineData(false, "confirmed", "-: confirmed, pending: 409, confirmed: confirmed, completed: completed, cancelled: cancelled")]
    [InlineData(false, "completed", "-: completed, pending: 409, confirmed: 409, completed: completed, cancelled: 409")]
    [InlineData(false, "cancelled", "-: cancelled, pending: 409, confirmed: 409, completed: 409, cancelled: cancelled")]
    [InlineData(true, "pending", "-: pending, pending: pending, confirmed: confirmed, completed: 409, cancelled: cancelled")]
    [InlineData(true, "confirmed", "-: pending, pending: pending, confirmed: confirmed, completed: 409, cancelled: cancelled")]
    [InlineData(true, "completed", "-: 409, pending: 409, confirmed: 409, completed: 409, cancelled: 409")]
    [InlineData(true, "cancelled", "-: 409, pending: 409, confirmed: 409, completed: 409, cancelled: 409")]
    public void Staff_change_a_status_as_the_workflow_says(bool reschedules, string from, string outcomes)
    {
        var outcome = ((string?[])[null, .. Statuses]).Select(to =>
        {
            var decision = Decide(Row(from), new() { Status = to, ScheduledTime = reschedules ? After : null });
            return $"{to ?? "-"}: {decision.Change?.Status ?? decision.Refusal!.Status.ToString(CultureInfo.InvariantCulture)}";
        });

        Assert.Equal(outcomes, string.Join(", ", outcome));
    }

    /// <summary>What each caller may ask of a pending and of a confirmed appointment: the statuses of the decisions.</summary>
    [Theory]
    [InlineData("notes", "staff 200 200, patient 200 200, doctor 200 200, other 403 403")]
    [InlineData("cancelled", "staff 200 200, patient 200 200, doctor 200 200, other 403 403")]
    [InlineData("confirmed", "staff 200 200, patient 403 200, doctor 200 200, other 403 403")]
    [InlineData("completed", "staff 409 200, patient 403 403, doctor 409 200, other 403 403")]
    [InlineData("pending", "staff 200 409, patient 200 409, doctor 200 409, other 403 403")]
    [InlineData("time", "staff 200 200, patient 200 200, doctor 403 403, other 403 403")]
    [InlineData("same time", "staff 200 200, patient 200 200, doctor 200 200, other 403 403")]
    [InlineData("time and confirmed", "staff 200 200, patient 403 403, doctor 403 403, other 403 403")]
    [InlineData("same time and confirmed", "staff 200 200, patient 403 200, doctor 200 200, other 403 403")]
    [InlineData("doctor", "staff 200 200, patient 403 403, doctor 403 403, other 403 403")]
    [InlineData("same doctor", "staff 200 200, patient 200 200, doctor 200 200, other 403 403")]
    [InlineData("past time", "staff 422 422, patient 422 422, doctor 403 403, other 403 403")]
    [InlineData("nothing", "staff 200 200, patient 200 200, doctor 200 200, other 403 403")]
    public void Each_caller_may_ask_for_what_concerns_the_caller(string asked, string outcomes)
    {
        var request = asked switch
        {
            "notes" => new UpdateAppointment.Request { Notes = "Fasting" },
            "time" => new() { ScheduledTime = After },
            "same time" => new() { ScheduledTime = Before },
            "past time" => new() { ScheduledTime = Now },
            "time and confirmed" => new() { ScheduledTime = After, Status = "confirmed" },
            "same time and confirmed" => new() { ScheduledTime = Before, Status = "confirmed" },
            "doctor" => new() { DoctorId = Colleague },
            "same doctor" => new() { DoctorId = Doctor },
            "nothing" => new(),
            _ => new() { Status = asked },
        };
        (string Name, AppointmentChange.Editor Who)[] callers =
            [("staff", Staff), ("patient", User(Patient)), ("doctor", User(Doctor)), ("other", User(9))];

        var found = callers.Select(caller => $"{caller.Name} {Status("pending", caller.Who)} {Status("confirmed", caller.Who)}");

        Assert.Equal(outcomes, string.Join(", ", found));

        int Status(string from, AppointmentChange.Editor who) => Decide(Row(from), request, who).Refusal?.Status ?? 200;
    }

    [Fact]
    public void A_former_doctor_and_a_key_without_the_scope_may_change_nothing()
    {
        var formerly = Row("pending") with { DoctorRole = "patient" };
        var key = new AppointmentChange.Editor { MayWriteAll = false, UserId = null };

        Assert.Equal(403, Decide(formerly, new() { Notes = "x" }, User(Doctor)).Refusal?.Status);
        Assert.Equal(403, Decide(Row("pending"), new(), key).Refusal?.Status);
        Assert.Equal(403, Decide(Unassigned("pending"), new(), key).Refusal?.Status);
    }

    [Theory]
    [InlineData(0, 422)]
    [InlineData(1, 200)]
    [InlineData(315_619_200, 200)]
    [InlineData(315_619_201, 422)]
    public void A_new_time_is_in_the_future_and_within_ten_years(long seconds, int status)
    {
        // Ten years from the first of June 2026 have 3,653 days, which are 315,619,200 seconds.
        var decision = Decide(Row("pending"), new() { ScheduledTime = Now.AddSeconds(seconds) });

        Assert.Equal(status, decision.Refusal?.Status ?? 200);
    }

    [Fact]
    public void An_unchanged_time_in_the_past_is_no_reason_to_refuse()
    {
        var past = Row("confirmed") with { ScheduledTime = Now.AddDays(-1) };

        Assert.Equal("completed", Decide(past, new() { Status = "completed", ScheduledTime = past.ScheduledTime }).Change?.Status);
    }

    [Theory]
    [InlineData("completed")]
    [InlineData("cancelled")]
    public void A_final_appointment_keeps_its_doctor_and_takes_notes(string status)
    {
        var reassigned = Decide(Row(status), new() { DoctorId = Colleague }).Refusal!;

        Assert.Equal((409, ProblemCodes.InvalidTransition), (reassigned.Status, reassigned.Code));
        Assert.Equal($"The appointment is {status}. Its doctor cannot change any more.", reassigned.Detail);
        Assert.Equal("Late", Decide(Row(status), new() { Notes = "Late" }).Change?.Notes);
    }

    /// <summary>The facts that the statement needs: a new time in a calendar, a confirmation, nothing at all.</summary>
    [Theory]
    [InlineData("pending", null, false, false, "empty")]
    [InlineData("pending", "pending", false, false, "empty")]
    [InlineData("pending", "confirmed", false, false, "confirmed")]
    [InlineData("pending", "cancelled", false, false, "")]
    [InlineData("confirmed", null, true, false, "rescheduled, takes time")]
    [InlineData("confirmed", "confirmed", true, false, "rescheduled, takes time, confirmed")]
    [InlineData("confirmed", "cancelled", true, false, "rescheduled")]
    [InlineData("confirmed", null, false, true, "reassigned, takes time")]
    [InlineData("pending", "cancelled", false, true, "reassigned")]
    [InlineData("pending", "confirmed", true, true, "rescheduled, reassigned, takes time, confirmed")]
    public void A_change_says_what_follows_from_it(string from, string? to, bool reschedules, bool reassigns, string facts)
    {
        var change = Decide(Row(from), new()
        {
            Status = to, ScheduledTime = reschedules ? After : null, DoctorId = reassigns ? Colleague : null,
        }).Change!;

        (bool Holds, string Name)[] all =
        [
            (change.IsEmpty, "empty"), (change.IsRescheduled, "rescheduled"), (change.IsReassigned, "reassigned"),
            (change.TakesNewTime, "takes time"), (change.BecomesConfirmed, "confirmed"),
        ];
        Assert.Equal(facts, string.Join(", ", all.Where(fact => fact.Holds).Select(fact => fact.Name)));
        Assert.Equal((reschedules ? After : Before).AddMinutes(45), change.EndsAt);
    }

    [Fact]
    public void An_event_says_before_and_after_without_the_notes()
    {
        var request = new UpdateAppointment.Request { Status = "confirmed", ScheduledTime = After, DoctorId = Colleague, Notes = "secret" };

        var all = Decide(Row("pending"), request).Change!;
        var first = Decide(Unassigned("pending"), new() { DoctorId = Doctor }).Change!;

        Assert.Equal(
            Join(
                """
                {"appointment_id":5,"patient_id":1,"doctor_id":3,"changes":{
                "status":{"before":"pending","after":"confirmed"},
                "scheduled_time":{"before":"2026-06-02T08:00:00.000000Z","after":"2026-06-03T08:00:00.000000Z"},
                "doctor_id":{"before":2,"after":3},
                "notes":{"changed":true}}}
                """),
            all.ToPayload());
        Assert.Equal(
            """{"appointment_id":5,"patient_id":1,"doctor_id":2,"changes":{"doctor_id":{"before":null,"after":2}}}""", first.ToPayload());
    }

    private static string Join(string lines) => lines.ReplaceLineEndings("");

    private static AppointmentChange.Editor Staff { get; } = new() { MayWriteAll = true, UserId = 8 };

    private static AppointmentChange.Editor User(long id) => new() { MayWriteAll = false, UserId = id };

    private static AppointmentChange.Decision Decide(
        Appointment.Row row, UpdateAppointment.Request request, AppointmentChange.Editor? editor = null) =>
        AppointmentChange.Decide(row, request, editor ?? Staff, Now);

    private static Appointment.Row Row(string status) => new(
        5, Patient, Doctor, Before, Before.AddMinutes(45), 45, "Knee", status, "Left one", Now, Now, 1,
        "p@example.org", "Pat", "patient", true, Now, Now, "d@example.org", "Doc", "doctor", true, Now, Now);

    private static Appointment.Row Unassigned(string status) => Row(status) with
    {
        DoctorId = null, DoctorEmail = null, DoctorFullName = null, DoctorRole = null, DoctorIsActive = null, DoctorCreatedAt = null,
        DoctorUpdatedAt = null,
    };
}
