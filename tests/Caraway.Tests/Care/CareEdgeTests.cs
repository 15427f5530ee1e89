using Caraway.Identity.SignIns;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform;

namespace Caraway.Tests.Care;

/// <summary>Edge cases that a hostile review of the module found.</summary>
public sealed class CareEdgeTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task Hours_that_were_added_can_be_booked_at_once()
    {
        var doctor = await caraway.Person("doctor");
        var patient = await caraway.Person();
        var time = Clinic.NewTime();
        await Put(doctor, "09:00", "10:00");
        Assert.Equal(409, (await caraway.Book(patient, patient.UserId, doctor.UserId, time)).Status);

        await Put(doctor, "09:00", "17:00");

        Assert.Equal(201, (await caraway.Book(patient, patient.UserId, doctor.UserId, time)).Status);
    }

    [Fact]
    public async Task An_appointment_can_be_rescheduled_into_hours_that_were_added()
    {
        var doctor = await caraway.Person("doctor");
        var patient = await caraway.Person();
        var time = Clinic.NewTime();
        await Put(doctor, "12:00", "13:00");
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, time);

        await Put(doctor, "12:00", "17:00");

        Assert.Equal(200, (await caraway.Change(patient, id, Clinic.Reschedule(time.AddHours(2)))).Status);
    }

    [Fact]
    public async Task Hours_added_in_one_process_can_be_booked_in_another()
    {
        await using var other = await OwnCaraway.Start(
            caraway.Database.Address, ("Jobs:Enabled", "false"), ("RateLimits:AddressPerMinute", "0"));
        var doctor = await caraway.Person("doctor");
        var patient = await caraway.Person();
        var time = Clinic.NewTime();
        await Put(doctor, "09:00", "10:00");
        var body = Clinic.Booking(patient.UserId, doctor.UserId, time);
        async Task<int> Book() =>
            (await CarawayFixture.Send(other.Client, HttpMethod.Post, "/api/v1/appointments", body, patient.Header)).Status;
        Assert.Equal(409, await Book());

        await Put(doctor, "09:00", "17:00");

        Assert.Equal(201, await Book());
    }

    [Fact]
    public async Task The_tag_of_an_unset_availability_permits_the_first_setting()
    {
        var doctor = await caraway.Person("doctor");
        var path = $"/api/v1/doctors/{doctor.UserId}/availability";
        var tag = (await caraway.As(doctor, HttpMethod.Get, path)).Headers["ETag"];

        var set = await caraway.As(doctor, HttpMethod.Put, path, """{"time_zone":"UTC"}""", ("If-Match", tag));

        Assert.True(set.Status == 200, set.Body);
        Assert.Equal(412, (await caraway.As(doctor, HttpMethod.Put, path, """{"time_zone":"UTC"}""", ("If-Match", tag))).Status);
    }

    [Fact]
    public async Task A_tag_covers_the_persons_in_the_answer()
    {
        var doctor = await caraway.Person("doctor");
        var patient = await caraway.Person(name: "Before Marriage");
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, Clinic.NewTime());
        var tag = (await caraway.As(patient, HttpMethod.Get, $"/api/v1/appointments/{id}")).Headers["ETag"];
        const string renamed = """{"full_name":"After Marriage"}""";
        Assert.Equal(200, (await caraway.As(patient, HttpMethod.Patch, $"/api/v1/users/{patient.UserId}", renamed)).Status);

        var again = await caraway.As(patient, HttpMethod.Get, $"/api/v1/appointments/{id}", null, ("If-None-Match", tag));

        Assert.Equal(200, again.Status);
        Assert.Equal("After Marriage", again.Json.GetProperty("patient").GetProperty("full_name").GetString());
    }

    [Theory]
    [InlineData("1e-2147483648")]
    [InlineData("1e2147483647")]
    [InlineData("1e-2147483647")]
    [InlineData("1e400000")]
    [InlineData("-1E-400000")]
    [InlineData("1e99999999999999999999")]
    public async Task An_extreme_number_is_interpreted_as_unknown(string number)
    {
        var staff = await caraway.Person("caseworker");
        var patient = await caraway.Person();

        var answer = await caraway.As(
            staff, HttpMethod.Post, "/api/v1/lab-results",
            $$"""
            {"patient_id":{{patient.UserId}},"test_name":"x","recorded_at":"2026-01-01T00:00:00Z",
             "result_data":{"value":{{number}},"unit":"g","reference_range":{"low":1,"high":2} } }
            """);

        Assert.True(answer.Status == 201, answer.Body);
        Assert.Equal("unknown", answer.Json.GetProperty("interpretation").GetString());
        Assert.Equal(number, answer.Json.GetProperty("result_data").GetProperty("value").GetRawText());
    }

    [Fact]
    public async Task A_former_doctor_neither_sees_nor_records_results()
    {
        var doctor = await caraway.Person("doctor");
        var patient = await caraway.Person();
        var staff = await caraway.Person("caseworker");
        await caraway.Booked(patient, patient.UserId, doctor.UserId, Clinic.NewTime());
        var result = $$"""{"patient_id":{{patient.UserId}},"test_name":"x","recorded_at":"2026-01-01T00:00:00Z","result_data":{} }""";
        var id = (await caraway.As(staff, HttpMethod.Post, "/api/v1/lab-results", result)).Json.GetProperty("id").GetInt64();
        await caraway.Database.Execute($"update identity.users set role = 'patient' where id = {doctor.UserId}");
        var demoted = Accounts.Read(doctor.UserId, doctor.Email, await caraway.SignIn(doctor.Email));

        Assert.Equal(
            (404, 404, 403),
            ((await caraway.As(demoted, HttpMethod.Get, $"/api/v1/lab-results/{id}")).Status,
            (await caraway.As(demoted, HttpMethod.Get, $"/api/v1/lab-results/patients/{patient.UserId}")).Status,
            (await caraway.As(demoted, HttpMethod.Post, "/api/v1/lab-results", result)).Status));
    }

    [Fact]
    public async Task A_job_of_another_module_is_not_a_task()
    {
        var staff = await caraway.Person("admin");
        var opened = await caraway.OpenCase();
        var document = await caraway.Post($"/cases/{opened}/documents", """{"filename":"a.pdf"}""");
        Assert.Equal(201, document.Status);
        var job = await caraway.Database.Scalar<long>("select max(id) from platform.jobs where kind = 'process_document'");

        (await caraway.As(staff, HttpMethod.Get, $"/api/v1/tasks/{job}")).IsProblem(404, "task_not_found");
    }

    [Fact]
    public async Task A_deactivated_doctor_has_no_free_slots()
    {
        var (doctor, patient) = (await caraway.Person("doctor"), await caraway.Person());
        await caraway.Database.Execute($"update identity.users set is_active = false where id = {doctor.UserId}");

        var answer = await caraway.As(patient, HttpMethod.Get, $"/api/v1/doctors/{doctor.UserId}/free-slots");

        Assert.True(answer.Status == 404 || answer.Body == "[]", answer.Body);
    }

    [Fact]
    public async Task A_key_with_write_all_changes_any_appointment()
    {
        var (doctor, patient) = (await caraway.Person("doctor"), await caraway.Person());
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, Clinic.NewTime());

        var key = await caraway.Key("care:read", "care:write", "care:write_all");
        var answer = await caraway.Anonymously(HttpMethod.Patch, $"/api/v1/appointments/{id}", """{"status":"cancelled"}""", key);

        Assert.True(answer.Status == 200, answer.Body);
    }

    private async Task Put(Accounts.SignedIn doctor, string from, string to)
    {
        string[] days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        var windows = string.Join(',', days.Select(day => $$"""{"day":"{{day}}","from":"{{from}}","to":"{{to}}"}"""));
        var rules = $$"""{"time_zone":"UTC","weekly":[{{windows}}]}""";
        Assert.Equal(200, (await caraway.As(doctor, HttpMethod.Put, $"/api/v1/doctors/{doctor.UserId}/availability", rules)).Status);
    }
}
