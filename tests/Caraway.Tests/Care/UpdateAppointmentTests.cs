using Caraway.Tests.Advocacy;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Care;

/// <summary>Changes of appointments over HTTP. <see cref="AppointmentChangeTests"/> has the rules as tables.</summary>
public sealed class UpdateAppointmentTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    public static TheoryData<string, string, bool, int> Transitions
    {
        get
        {
            var data = new TheoryData<string, string, bool, int>();
            foreach (var from in new[] { "pending", "confirmed", "completed", "cancelled" })
            {
                foreach (var to in new[] { "pending", "confirmed", "completed", "cancelled" })
                {
                    var isFinal = from is "completed" or "cancelled";
                    var isLegal = (from, to) is ("pending", "confirmed" or "cancelled") or ("confirmed", "completed" or "cancelled");
                    data.Add(from, to, false, from == to || isLegal ? 200 : 409);
                    data.Add(from, to, true, isFinal || to == "completed" ? 409 : 200);
                }
            }

            return data;
        }
    }

    [Theory, MemberData(nameof(Transitions))]
    public async Task The_legal_transitions_are_those_of_the_contract(string from, string to, bool rescheduled, int status)
    {
        var (patient, doctor, staff) = await People();
        var time = Clinic.NewTime();
        var id = await caraway.Booked(staff, patient.UserId, doctor.UserId, time);
        foreach (var step in from == "completed" ? ["confirmed", "completed"] : from == "pending" ? Array.Empty<string>() : [from])
            Assert.Equal(200, (await caraway.Change(staff, id, $$"""{"status":"{{step}}"}""")).Status);
        var before = await caraway.Trail(id);

        var body = rescheduled ? Clinic.Reschedule(time.AddHours(1), to) : $$"""{"status":"{{to}}"}""";
        var answer = await caraway.Change(staff, id, body);

        Assert.Equal(status, answer.Status);
        if (status == 409)
            Assert.Equal($"Invalid status transition {from} -> {to}", answer.IsProblem(409, "invalid_transition").Detail);
        else
            Assert.Equal(to, answer.Json.GetProperty("status").GetString());
        var isUnchanged = status == 409 || (from == to && !rescheduled);
        Assert.Equal(isUnchanged ? before : before + $", appointment.updated by user:{staff.UserId}", await caraway.Trail(id));
    }

    [Fact]
    public async Task Each_role_changes_only_its_part()
    {
        var (patient, doctor, _) = await People();
        var colleague = await caraway.Person("doctor");
        var time = Clinic.NewTime();
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, time);
        var later = time.AddHours(1);
        async Task Is(Accounts.SignedIn who, string json, int status) =>
            Assert.Equal((json, status), (json, (await caraway.Change(who, id, json)).Status));

        await Is(patient, """{"status":"confirmed"}""", 403);
        await Is(patient, """{"status":"completed"}""", 403);
        await Is(patient, Clinic.Reassign(colleague), 403);
        await Is(patient, Clinic.Reschedule(later, "confirmed"), 403);
        await Is(doctor, Clinic.Reassign(colleague), 403);
        await Is(doctor, Clinic.Reschedule(later), 403);
        await Is(doctor, """{"notes":"Fasting"}""", 200);
        await Is(doctor, """{"status":"confirmed"}""", 200);
        await Is(patient, """{"status":"confirmed","notes":"Thanks"}""", 200);
        await Is(patient, """{"status":"pending"}""", 409);
        await Is(patient, Clinic.Reschedule(later), 200);
        await Is(doctor, """{"status":"completed"}""", 409);
        await Is(doctor, """{"status":"confirmed"}""", 200);
        await Is(doctor, """{"status":"completed"}""", 200);
        await Is(patient, """{"status":"cancelled"}""", 409);
        await Is(patient, """{"scheduled_time":"2020-01-01T00:00:00Z"}""", 409);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"status":null,"notes":null,"doctor_id":null,"scheduled_time":null}""")]
    [InlineData("""{"status":"pending"}""")]
    [InlineData("""{"reason":"other","patient_id":1,"duration_minutes":480,"version":9}""")]
    public async Task A_request_that_changes_nothing_writes_nothing(string body)
    {
        var (patient, doctor, _) = await People();
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, Clinic.NewTime());

        var answer = await caraway.WritesNothing(() => caraway.Change(patient, id, body));

        Assert.Equal(200, answer.Status);
        Assert.StartsWith("\"v1-n", answer.Headers["ETag"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_event_has_before_and_after_without_the_text_of_notes()
    {
        var (patient, doctor, staff) = await People();
        var colleague = await caraway.Person("doctor");
        var time = Clinic.NewTime();
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, time);

        var answer = await caraway.Change(
            staff, id,
            $$"""
            {"notes":"secret words","doctor_id":{{colleague.UserId}},"scheduled_time":"{{time.AddHours(1).Text()}}","status":"confirmed"}
            """);

        Assert.True(answer.Status == 200, answer.Body);
        Assert.Equal("secret words", answer.Json.GetProperty("notes").GetString());
        Assert.Equal(colleague.UserId, answer.Json.GetProperty("doctor").GetProperty("id").GetInt64());
        Assert.StartsWith("\"v2-n", answer.Headers["ETag"], StringComparison.Ordinal);
        Shape.Is(
            $$"""
            {"appointment_id":{{id}},"patient_id":{{patient.UserId}},"doctor_id":{{colleague.UserId}},"changes":{
             "status":{"before":"pending","after":"confirmed"},"scheduled_time":{"before":"(time)","after":"(time)"},
             "doctor_id":{"before":{{doctor.UserId}},"after":{{colleague.UserId}}},"notes":{"changed":true} } }
            """,
            await caraway.NewestPayload($"care.appointment:{id}"));
        Assert.Equal(404, (await caraway.Get(doctor, $"/api/v1/appointments/{id}")).Status);
    }

    [Fact]
    public async Task A_stale_tag_is_412_and_a_current_one_wins_once()
    {
        var (patient, doctor, staff) = await People();
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, Clinic.NewTime());

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(
            i => caraway.Change(staff, id, $$"""{"notes":"{{i}}"}""", ("If-Match", "\"v1\""))));

        Assert.Equal("200 412 412 412 412 412 412 412", string.Join(' ', answers.Select(answer => answer.Status).Order()));
        (await caraway.Change(staff, id, "{}", ("If-Match", "\"v1\""))).IsProblem(412, "stale_version");
        (await caraway.Change(staff, id, "{}", ("If-Match", "W/\"v2\""))).IsProblem(412, "stale_version");
        Assert.Equal(200, (await caraway.Change(staff, id, "{}", ("If-Match", "\"v2\""))).Status);
    }

    [Fact]
    public async Task Concurrent_changes_are_all_kept_and_one_final_status_wins()
    {
        var (patient, doctor, staff) = await People();
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, Clinic.NewTime());
        Assert.Equal(200, (await caraway.Change(staff, id, """{"status":"confirmed"}""")).Status);

        var ends = await Task.WhenAll(
            caraway.Change(doctor, id, """{"status":"completed"}"""),
            caraway.Change(patient, id, """{"status":"cancelled"}"""),
            caraway.Change(staff, id, """{"notes":"x"}"""));

        Assert.Equal("200 200 409", string.Join(' ', ends.Select(answer => answer.Status).Order()));
        Assert.Equal(200, ends[2].Status);
        Assert.Equal(4, await caraway.Database.Scalar<long>($"select version from care.appointments where id = {id}"));
    }

    [Fact]
    public async Task A_taken_time_is_409_and_a_wrong_value_422()
    {
        var (patient, doctor, staff) = await People();
        var (other, colleague) = (await caraway.Person(), await caraway.Person("doctor"));
        var time = Clinic.NewTime();
        await caraway.Booked(other, other.UserId, colleague.UserId, time);
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, time);

        async Task Is(string json, string pointer) =>
            Assert.Equal([pointer], (await caraway.Change(staff, id, json)).IsProblem(422, "invalid").Pointers);

        var taken = await caraway.Change(staff, id, Clinic.Reassign(colleague));

        Assert.Equal("Doctor already has an appointment at that time", taken.IsProblem(409, "doctor_booked").Detail);
        await Is(Clinic.Reassign(patient), "#/doctor_id");
        await Is("""{"scheduled_time":"2020-01-01T00:00:00Z"}""", "#/scheduled_time");
        await Is("""{"status":"done"}""", "#/status");
        Assert.Equal(404, (await caraway.Change(staff, 99_999_999, "{}")).Status);
    }

    private async Task<(Accounts.SignedIn Patient, Accounts.SignedIn Doctor, Accounts.SignedIn Staff)> People() =>
        (await caraway.Person(), await caraway.Person("doctor", "Dr. Who"), await caraway.Person("caseworker", "Cas"));
}
