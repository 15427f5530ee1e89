using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Care;

/// <summary>Bookings and changes are accesses when their answer shows the appointment, and only then.</summary>
public sealed class CareAccessTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_booking_is_one_access()
    {
        var (patient, doctor) = (await caraway.Person(), await caraway.Person("doctor"));

        var booked = await caraway.Book(patient, patient.UserId, doctor.UserId, Clinic.NewTime());

        var id = booked.Json.GetProperty("id").GetInt64();
        Assert.Equal($"POST /api/v1/appointments care.appointment {{{id}}} {{{patient.UserId}}}", await Accesses(booked));
    }

    [Fact]
    public async Task A_refused_booking_is_not_an_access()
    {
        var (patient, other, doctor) = (await caraway.Person(), await caraway.Person(), await caraway.Person("doctor"));
        var time = Clinic.NewTime();
        await caraway.Booked(patient, patient.UserId, doctor.UserId, time);

        var taken = await caraway.Book(other, other.UserId, doctor.UserId, time);
        var forbidden = await caraway.Book(other, patient.UserId, doctor.UserId, time);
        var wrong = await caraway.Book(other, other.UserId, 99_999_999, time);

        Assert.Equal((409, 403, 422), (taken.Status, forbidden.Status, wrong.Status));
        foreach (var answer in new[] { taken, forbidden, wrong })
            Assert.Equal("", await Accesses(answer));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"status":"confirmed"}""")]
    [InlineData("""{"notes":"Fasting"}""")]
    public async Task A_change_that_shows_the_appointment_is_one_access(string body)
    {
        var (patient, doctor) = (await caraway.Person(), await caraway.Person("doctor"));
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, Clinic.NewTime());

        var answer = await caraway.Change(doctor, id, body);

        Assert.Equal(200, answer.Status);
        Assert.Equal($"PATCH /api/v1/appointments/{{id}} care.appointment {{{id}}} {{{patient.UserId}}}", await Accesses(answer));
    }

    [Fact]
    public async Task A_refused_change_is_not_an_access()
    {
        var (patient, doctor, staff) = (await caraway.Person(), await caraway.Person("doctor"), await caraway.Person("caseworker"));
        var (other, colleague) = (await caraway.Person(), await caraway.Person("doctor"));
        var time = Clinic.NewTime();
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, time);
        await caraway.Booked(other, other.UserId, colleague.UserId, time);

        var answers = new[]
        {
            await caraway.Change(staff, id, """{"status":"completed"}"""),
            await caraway.Change(staff, id, $$"""{"doctor_id":{{colleague.UserId}}}"""),
            await caraway.Change(staff, id, $$"""{"doctor_id":{{patient.UserId}}}"""),
            await caraway.Change(staff, id, """{"notes":"x"}""", ("If-Match", "\"v9\"")),
            await caraway.Change(patient, id, """{"status":"confirmed"}"""),
            await caraway.Change(patient, id, """{"scheduled_time":"2020-01-01T00:00:00Z"}"""),
            await caraway.Change(other, id, """{"notes":"x"}"""),
        };

        Assert.Equal([409, 409, 422, 412, 403, 422, 404], answers.Select(answer => answer.Status));
        foreach (var answer in answers)
            Assert.Equal("", await Accesses(answer));
    }

    [Fact]
    public async Task A_bad_reason_is_refused_before_anything_is_written()
    {
        var (patient, doctor) = (await caraway.Person(), await caraway.Person("doctor"));
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, Clinic.NewTime());
        var (reason, body) = (("X-Access-Reason", new string('x', 501)), Clinic.Booking(patient.UserId, doctor.UserId, Clinic.NewTime()));
        var before = await caraway.Trail(id);

        var booking = await caraway.As(patient, HttpMethod.Post, "/api/v1/appointments", body, reason);
        var change = await caraway.Change(patient, id, """{"status":"cancelled"}""", reason);

        Assert.Equal(["#/X-Access-Reason"], booking.IsProblem(422, "invalid").Pointers);
        Assert.Equal(["#/X-Access-Reason"], change.IsProblem(422, "invalid").Pointers);
        Assert.Equal(before, await caraway.Trail(id));
        Assert.Equal(1, await caraway.Database.Scalar<long>($"select count(*) from care.appointments where patient_id = {patient.UserId}"));
    }

    [Fact]
    public async Task A_patient_cannot_keep_a_confirmation_for_a_new_time()
    {
        var (patient, doctor) = (await caraway.Person(), await caraway.Person("doctor"));
        var time = Clinic.NewTime();
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, time);
        await caraway.Change(doctor, id, """{"status":"confirmed"}""");

        var kept = await caraway.Change(patient, id, $$"""{"scheduled_time":"{{time.AddHours(1).Text()}}","status":"confirmed"}""");
        var rescheduled = await caraway.Change(patient, id, $$"""{"scheduled_time":"{{time.AddHours(1).Text()}}"}""");

        kept.IsProblem(403, "not_permitted");
        Assert.Equal("pending", rescheduled.Json.GetProperty("status").GetString());
    }

    /// <summary>The access records of the request. They are complete when a later read is recorded.</summary>
    private async Task<string> Accesses(Answer answer)
    {
        var staff = await caraway.Person("auditor");
        var later = await caraway.As(staff, HttpMethod.Get, $"/api/v1/users/{(await caraway.Person()).UserId}");
        await EventFlow.Until(async () => await Count(later) == 1);
        return await caraway.Database.Scalar<string>(
            $"""
            select string_agg(concat_ws(' ', action, kind, ids::text, patient_ids::text), ', ') from platform.access_log
            where request_id = '{answer.Headers["X-Request-Id"]}'
            """) ?? "";
    }

    private Task<long> Count(Answer answer) =>
        caraway.Database.Scalar<long>($"select count(*) from platform.access_log where request_id = '{answer.Headers["X-Request-Id"]}'");
}
