using Caraway.Tests.Advocacy;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Care;

/// <summary>Availability and free slots over HTTP.</summary>
public sealed class AvailabilityHttpTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Never = """{"time_zone":"UTC","weekly":[]}""";

    [Fact]
    public async Task A_doctor_sets_the_availability_and_everybody_reads_it()
    {
        var (doctor, patient) = (await caraway.Person("doctor"), await caraway.Person());
        Shape.Is("""{"time_zone":"UTC","weekly":null,"exceptions":[]}""", await Get(patient, doctor));
        const string rules = """
            {"time_zone":"Europe/Copenhagen","weekly":[{"day":"monday","from":"09:00","to":"24:00"}],
             "exceptions":[{"date":"2026-12-24","from":null,"to":null}]}
            """;

        var put = await Put(doctor, doctor, rules);

        Shape.Is(rules, put);
        var read = await Get(patient, doctor);
        Assert.Equal((put.Body, put.Headers["ETag"]), (read.Body, read.Headers["ETag"]));
        Assert.Equal(304, (await Get(patient, doctor, ("If-None-Match", put.Headers["ETag"]))).Status);
        Shape.Is($$"""{"doctor_id":{{doctor.UserId}},"rules":{{rules}} }""", await caraway.NewestPayload($"care.doctor:{doctor.UserId}"));
        Assert.Equal(412, (await Put(doctor, doctor, Never, ("If-Match", "\"v9\""))).Status);
        Assert.Equal(200, (await Put(doctor, doctor, Never, ("If-Match", put.Headers["ETag"]))).Status);
        Assert.Equal(412, (await Put(doctor, doctor, Never, ("If-Match", put.Headers["ETag"]))).Status);
    }

    [Fact]
    public async Task Only_the_doctor_and_staff_set_the_availability()
    {
        var (doctor, patient) = (await caraway.Person("doctor"), await caraway.Person());
        (string, int)[] roles = [("patient", 403), ("doctor", 403), ("auditor", 403), ("agent", 403), ("caseworker", 200), ("admin", 200)];
        foreach (var (role, status) in roles)
            Assert.Equal((role, status), (role, (await Put(await caraway.Person(role), doctor, Never)).Status));
        var staff = await caraway.Person("admin");
        Assert.Equal((404, 404), ((await Put(staff, patient, Never)).Status, (await Get(staff, patient)).Status));
        Assert.Equal(404, (await caraway.Get(staff, $"/api/v1/doctors/{patient.UserId}/free-slots")).Status);
        Assert.Equal(401, (await caraway.Anonymously(HttpMethod.Get, $"/api/v1/doctors/{doctor.UserId}/availability", null)).Status);
    }

    [Theory]
    [InlineData("{}", "#/time_zone")]
    [InlineData("""{"time_zone":"Mars/Olympus"}""", "#/time_zone")]
    [InlineData("""{"time_zone":"UTC","weekly":[null]}""", "#/weekly/0/day")]
    [InlineData("""{"time_zone":"UTC","weekly":[{"day":"monday","from":"09:00","to":"10:00"},{"day":"Monday","from":"09:00","to":"10:00"}]}""", "#/weekly/1/day")]
    [InlineData("""{"time_zone":"UTC","weekly":[{"day":"monday","from":"9:00","to":"10:00"}]}""", "#/weekly/0/from")]
    [InlineData("""{"time_zone":"UTC","weekly":[{"day":"monday","from":"24:00","to":"24:00"}]}""", "#/weekly/0/from")]
    [InlineData("""{"time_zone":"UTC","weekly":[{"day":"monday","from":"10:00","to":"10:00"}]}""", "#/weekly/0/to")]
    [InlineData("""{"time_zone":"UTC","weekly":[{"day":"monday","from":"10:00"}]}""", "#/weekly/0/to")]
    [InlineData("""{"time_zone":"UTC","exceptions":[{"date":"2026-02-30"}]}""", "#/exceptions/0/date")]
    [InlineData("""{"time_zone":"UTC","exceptions":[{"date":"2026-02-03","from":"10:00"}]}""", "#/exceptions/0/to")]
    [InlineData("""{"time_zone":"UTC","exceptions":[{"date":"2026-02-03","to":"10:00"}]}""", "#/exceptions/0/from")]
    public async Task A_wrong_rule_is_422_and_named(string rules, string pointer)
    {
        var doctor = await caraway.Person("doctor");

        Assert.Equal([pointer], (await Put(doctor, doctor, rules)).IsProblem(422, "invalid").Pointers);
    }

    [Fact]
    public async Task A_time_outside_the_availability_is_409_and_existing_appointments_stay()
    {
        var (doctor, patient, staff) = (await caraway.Person("doctor"), await caraway.Person(), await caraway.Person("admin"));
        var time = Clinic.NewTime();
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, time);
        await Put(doctor, doctor, Never);

        var booking = await caraway.Book(staff, patient.UserId, doctor.UserId, time.AddHours(1));
        Assert.Equal("Doctor is not available at that time", booking.IsProblem(409, "doctor_not_available").Detail);
        (await caraway.Change(patient, id, Clinic.Reschedule(time.AddHours(1)))).IsProblem(409, "doctor_not_available");
        var unassigned = await caraway.Booked(patient, patient.UserId, null, time.AddHours(1));
        (await caraway.Change(staff, unassigned, Clinic.Reassign(doctor))).IsProblem(409, "doctor_not_available");
        Assert.Equal(200, (await caraway.Change(doctor, id, """{"status":"confirmed","notes":"x"}""")).Status);
        Assert.Equal(200, (await caraway.Change(doctor, id, """{"status":"completed"}""")).Status);
    }

    [Fact]
    public async Task Every_free_slot_can_be_booked()
    {
        var (doctor, patient, staff) = (await caraway.Person("doctor"), await caraway.Person(), await caraway.Person("caseworker"));
        var day = Clinic.NewTime().Date;
        var exception = $$"""{"date":"{{day:yyyy-MM-dd}}","from":"09:00","to":"11:00"}""";
        var slots = $"/api/v1/doctors/{doctor.UserId}/free-slots?from={day:yyyy-MM-dd}&to={day.AddDays(1):yyyy-MM-dd}&duration=40";
        await Put(doctor, doctor, $$"""{"time_zone":"UTC","weekly":[],"exceptions":[{{exception}}]}""");
        await caraway.Booked(staff, patient.UserId, doctor.UserId, day.AddHours(9).AddMinutes(10), 20);
        var gone = await caraway.Booked(staff, patient.UserId, doctor.UserId, day.AddHours(10), 60);
        await caraway.Change(staff, gone, """{"status":"cancelled"}""");

        var answer = await caraway.Get(patient, slots);

        Assert.True(answer.Status == 200, answer.Body);
        var (first, second, end) = (day.AddMinutes(570).Text(), day.AddMinutes(610).Text(), day.AddMinutes(650).Text());
        Assert.Equal($$"""[{"start":"{{first}}","end":"{{second}}"},{"start":"{{second}}","end":"{{end}}"}]""", answer.Body);
        foreach (var slot in answer.Json.EnumerateArray())
        {
            var start = slot.GetProperty("start").GetDateTime().ToUniversalTime();
            await caraway.Booked(staff, (await caraway.Person()).UserId, doctor.UserId, start, 40);
        }

        Assert.Equal("[]", (await caraway.Get(patient, slots)).Body);
    }

    [Theory]
    [InlineData("from=x", "#/from")]
    [InlineData("to=x", "#/to")]
    [InlineData("from=2027-01-02&to=2027-01-01", "#/to")]
    [InlineData("from=2027-01-01&to=2027-02-02", "#/to")]
    [InlineData("duration=4", "#/duration")]
    [InlineData("duration=481", "#/duration")]
    [InlineData("duration=x", "#/duration")]
    [InlineData("from=99999-01-01", "#/from")]
    public async Task A_wrong_query_for_slots_is_422_and_named(string query, string pointer)
    {
        var doctor = await caraway.Person("doctor");

        var answer = await caraway.Get(doctor, $"/api/v1/doctors/{doctor.UserId}/free-slots?{query}");

        Assert.Equal([pointer], answer.IsProblem(422, "invalid").Pointers);
    }

    [Fact]
    public async Task A_changed_availability_holds_from_its_answer_on()
    {
        var doctor = await caraway.Person("doctor");
        var time = Clinic.NewTime();
        for (var round = 0; round < 10; round++)
        {
            var patient = await caraway.Person();
            await Put(doctor, doctor, """{"time_zone":"UTC"}""");
            var start = time.AddHours(round);
            var racing = Enumerable.Range(0, 4)
                .Select(i => caraway.Book(patient, patient.UserId, doctor.UserId, start.AddMinutes(15 * i), 15))
                .ToList();
            Assert.Equal(200, (await Put(doctor, doctor, Never)).Status);
            (await caraway.Book(patient, patient.UserId, doctor.UserId, start.AddYears(1))).IsProblem(409, "doctor_not_available");
            Assert.All(await Task.WhenAll(racing), answer => Assert.Contains(answer.Status, new[] { 201, 409 }));
        }
    }

    private Task<Answer> Put(Accounts.SignedIn who, Accounts.SignedIn doctor, string rules, params (string, string)[] headers) =>
        caraway.As(who, HttpMethod.Put, $"/api/v1/doctors/{doctor.UserId}/availability", rules, headers);

    private Task<Answer> Get(Accounts.SignedIn who, Accounts.SignedIn doctor, params (string, string)[] headers) =>
        caraway.Get(who, $"/api/v1/doctors/{doctor.UserId}/availability", headers);
}
