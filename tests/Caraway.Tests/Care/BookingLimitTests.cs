using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Care;

/// <summary>What one patient can take of the doctors' time, and what a refusal tells.</summary>
public sealed class BookingLimitTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const int Most = 5;

    [Fact]
    public async Task A_patient_has_at_most_five_open_appointments()
    {
        var patient = await caraway.Person("patient");
        var first = await caraway.Booked(patient, patient.UserId, null, Clinic.NewTime());
        for (var i = 1; i < Most; i++)
            await caraway.Booked(patient, patient.UserId, null, Clinic.NewTime());

        (await caraway.Book(patient, patient.UserId, null, Clinic.NewTime())).IsProblem(409, "appointment_limit");
        var staff = await caraway.Person("caseworker");
        await caraway.Booked(staff, patient.UserId, null, Clinic.NewTime());

        Assert.Equal(200, (await caraway.Change(patient, first, """{"status":"cancelled"}""")).Status);
        (await caraway.Book(patient, patient.UserId, null, Clinic.NewTime())).IsProblem(409, "appointment_limit");
        var second = await caraway.Booked(staff, patient.UserId, null, Clinic.NewTime());
        Assert.Equal(200, (await caraway.Change(staff, second, """{"status":"cancelled"}""")).Status);
    }

    [Fact]
    public async Task A_cancelled_appointment_makes_room_for_another()
    {
        var patient = await caraway.Person("patient");
        var first = await caraway.Booked(patient, patient.UserId, null, Clinic.NewTime());
        for (var i = 1; i < Most; i++)
            await caraway.Booked(patient, patient.UserId, null, Clinic.NewTime());

        await caraway.Change(patient, first, """{"status":"cancelled"}""");

        await caraway.Booked(patient, patient.UserId, null, Clinic.NewTime());
    }

    [Fact]
    public async Task Simultaneous_bookings_do_not_pass_the_limit()
    {
        var patient = await caraway.Person("patient");

        var answers = await Task.WhenAll(Enumerable.Range(0, 12)
            .Select(_ => caraway.Book(patient, patient.UserId, null, Clinic.NewTime())));

        Assert.Equal(Most, answers.Count(answer => answer.Status == 201));
        Assert.All(answers.Where(answer => answer.Status != 201), answer => answer.IsProblem(409, "appointment_limit"));
    }

    [Fact]
    public async Task A_patient_books_a_day_of_work_with_one_doctor_in_a_week()
    {
        var (patient, doctor, other) =
            (await caraway.Person("patient"), await caraway.Person("doctor"), await caraway.Person("doctor"));
        var monday = DateTime.UtcNow.Date.AddDays(28 + 7 - (((int)DateTime.UtcNow.DayOfWeek + 6) % 7));
        await caraway.Booked(patient, patient.UserId, doctor.UserId, monday, 480);

        (await caraway.Book(patient, patient.UserId, doctor.UserId, monday.AddDays(6).AddHours(23), 5)).IsProblem(409, "appointment_limit");

        await caraway.Booked(patient, patient.UserId, other.UserId, monday.AddDays(1), 60);
        var next = await caraway.Booked(patient, patient.UserId, doctor.UserId, monday.AddDays(7), 60);
        (await caraway.Change(patient, next, Clinic.Reschedule(monday.AddDays(2)))).IsProblem(409, "appointment_limit");
        Assert.Equal(200, (await caraway.Change(patient, next, Clinic.Reschedule(monday.AddDays(8)))).Status);
        var staff = await caraway.Person("caseworker");
        await caraway.Booked(staff, patient.UserId, doctor.UserId, monday.AddDays(3), 480);
    }

    [Fact]
    public async Task A_doctor_does_not_learn_when_another_ones_patient_is_booked()
    {
        var (patient, doctor, stranger) =
            (await caraway.Person("patient"), await caraway.Person("doctor"), await caraway.Person("doctor"));
        var time = Clinic.NewTime();
        await caraway.Booked(patient, patient.UserId, doctor.UserId, time);

        (await caraway.Book(stranger, patient.UserId, stranger.UserId, time)).IsProblem(409, "time_not_available");
        (await caraway.Book(patient, patient.UserId, stranger.UserId, time)).IsProblem(409, "patient_booked");
        (await caraway.Book(await caraway.Person("caseworker"), patient.UserId, stranger.UserId, time)).IsProblem(409, "patient_booked");
    }
}
