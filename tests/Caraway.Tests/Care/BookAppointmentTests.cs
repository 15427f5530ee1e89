using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Caraway.Tests.Advocacy;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Care;

/// <summary>Bookings over HTTP, and who sees them.</summary>
public sealed partial class BookAppointmentTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Path = "/api/v1/appointments";

    [Fact]
    public async Task A_booking_shows_all_that_was_given()
    {
        var (patient, doctor, _) = await People();
        var time = Clinic.NewTime();

        var answer = await caraway.Post(
            patient, Path + "/",
            $$"""
            {"patient_id":{{patient.UserId}},"doctor_id":{{doctor.UserId}},"scheduled_time":"{{time.Text()}}","duration_minutes":45,
             "reason":"Knee","notes":"Left one","status":"completed","id":7}
            """);

        Assert.True(answer.Status == 201, answer.Body);
        var id = answer.Json.GetProperty("id").GetInt64();
        Assert.Equal($"{Path}/{id}", answer.Headers["Location"]);
        Shape.Is(
            $$"""
            {"id":{{id}},"patient_id":{{patient.UserId}},"doctor_id":{{doctor.UserId}},"scheduled_time":"(time)","duration_minutes":45,
             "reason":"Knee","status":"pending","notes":"Left one",
             "created_at":"(time)","updated_at":"(time)","patient":{{await UserOf(patient)}},"doctor":{{await UserOf(doctor)}} }
            """,
            answer);
        Assert.Equal(time.Text(), answer.Json.GetProperty("scheduled_time").GetString());
        Assert.Equal($"appointment.created by user:{patient.UserId}", await caraway.Trail(id));
        var payload = await caraway.NewestPayload($"care.appointment:{id}");
        Shape.Is(Clinic.Payload(id, patient, doctor), payload);
        Assert.Contains($"\"{time.Text()}\"", payload, StringComparison.Ordinal);
        var read = await caraway.Get(patient, $"{Path}/{id}/");
        Assert.Equal((200, answer.Body), (read.Status, read.Body));
    }

    [Fact]
    public async Task Optional_fields_have_defaults()
    {
        var (patient, _, _) = await People();

        var answer = await caraway.Book(patient, patient.UserId, null, Clinic.NewTime());

        Assert.Equal(201, answer.Status);
        var json = answer.Json;
        Assert.Equal((30, "pending"), (json.GetProperty("duration_minutes").GetInt32(), json.GetProperty("status").GetString()));
        foreach (var name in new[] { "doctor_id", "notes", "doctor" })
            Assert.Equal(JsonValueKind.Null, json.GetProperty(name).ValueKind);
    }

    [Theory]
    [InlineData("patient_id", "null", "#/patient_id")]
    [InlineData("patient_id", "\"x\"", "#/patient_id")]
    [InlineData("patient_id", "0", "#/patient_id")]
    [InlineData("patient_id", "99999999", "#/patient_id")]
    [InlineData("patient_id", "1e30", "#/patient_id")]
    [InlineData("doctor_id", "99999999", "#/doctor_id")]
    [InlineData("doctor_id", "-1", "#/doctor_id")]
    [InlineData("doctor_id", "\"1.0\"", "#/doctor_id")]
    [InlineData("scheduled_time", "null", "#/scheduled_time")]
    [InlineData("scheduled_time", "\"\"", "#/scheduled_time")]
    [InlineData("scheduled_time", "\"tomorrow\"", "#/scheduled_time")]
    [InlineData("scheduled_time", "\"2020-01-01T00:00:00Z\"", "#/scheduled_time")]
    [InlineData("scheduled_time", "\"0001-01-01T00:00:00Z\"", "#/scheduled_time")]
    [InlineData("scheduled_time", "\"9999-12-31T23:59:59Z\"", "#/scheduled_time")]
    [InlineData("scheduled_time", "\"9999-12-31T23:59:59-14:00\"", "#/scheduled_time")]
    [InlineData("scheduled_time", "4102444800", "#/scheduled_time")]
    [InlineData("duration_minutes", "4", "#/duration_minutes")]
    [InlineData("duration_minutes", "481", "#/duration_minutes")]
    [InlineData("duration_minutes", "-30", "#/duration_minutes")]
    [InlineData("duration_minutes", "5.5", "#/duration_minutes")]
    [InlineData("duration_minutes", "99999999999", "#/duration_minutes")]
    [InlineData("reason", "null", "#/reason")]
    [InlineData("reason", "\"\"", "#/reason")]
    [InlineData("reason", "\"  \"", "#/reason")]
    [InlineData("reason", "\"a\\u0000b\"", "#/reason")]
    [InlineData("reason", "\"\\ud800\"", "#/reason")]
    [InlineData("notes", "\"a\\u0000b\"", "#/notes")]
    [InlineData("notes", "7", "#/notes")]
    public async Task A_wrong_field_is_422_and_named(string field, string value, string pointer)
    {
        var (patient, _, staff) = await People();
        var fields = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["patient_id"] = patient.UserId.ToString(CultureInfo.InvariantCulture),
            ["scheduled_time"] = $"\"{Clinic.NewTime().Text()}\"",
            ["reason"] = "\"x\"",
        };
        fields[field] = value;
        var body = "{" + string.Join(',', fields.Select(f => $"\"{f.Key}\":{f.Value}")) + "}";

        var answer = await caraway.WritesNothing(() => caraway.Post(staff, Path, body));

        answer.IsProblem(422, "invalid");
        Assert.Equal([pointer], answer.Pointers);
    }

    [Theory]
    [InlineData(5, 255, 201)]
    [InlineData(480, 1, 201)]
    [InlineData(30, 256, 422)]
    public async Task Durations_and_reasons_have_exact_bounds(int minutes, int characters, int status)
    {
        var (patient, _, _) = await People();
        var reason = string.Concat(Enumerable.Repeat("🦴", characters));

        var answer = await caraway.Post(
            patient, Path,
            $$"""
            {"patient_id":{{patient.UserId}},"scheduled_time":"{{Clinic.NewTime().Text()}}","duration_minutes":{{minutes}},
             "reason":"{{reason}}"}
            """);

        Assert.Equal(status, answer.Status);
    }

    [Fact]
    public async Task The_patient_is_a_patient_and_the_doctor_an_active_doctor()
    {
        var (patient, doctor, staff) = await People();
        var gone = await caraway.Person("doctor");
        await caraway.Database.Execute($"update identity.users set is_active = false where id = {gone.UserId}");
        var time = Clinic.NewTime();

        Assert.Equal(["#/patient_id"], (await caraway.Book(staff, doctor.UserId, null, time)).IsProblem(422, "invalid").Pointers);
        Assert.Equal(["#/doctor_id"], (await caraway.Book(staff, patient.UserId, patient.UserId, time)).IsProblem(422, "invalid").Pointers);
        Assert.Equal(["#/doctor_id"], (await caraway.Book(staff, patient.UserId, staff.UserId, time)).IsProblem(422, "invalid").Pointers);
        Assert.Equal(["#/doctor_id"], (await caraway.Book(staff, patient.UserId, gone.UserId, time)).IsProblem(422, "invalid").Pointers);
    }

    [Theory]
    [InlineData("T14:00:00+02:00")]
    [InlineData("T12:00:00")]
    [InlineData("T07:00:00-05:00")]
    [InlineData("T12:00:00.0000009Z")]
    public async Task Times_are_read_with_an_offset_and_as_UTC_without(string clock)
    {
        var (patient, _, _) = await People();
        var time = Clinic.NewTime();

        var answer = await caraway.Post(
            patient, Path, $$"""{"patient_id":{{patient.UserId}},"scheduled_time":"{{time:yyyy-MM-dd}}{{clock}}","reason":"x"}""");

        Assert.True(answer.Status == 201, answer.Body);
        Assert.Equal(time.Text(), answer.Json.GetProperty("scheduled_time").GetString());
    }

    [Fact]
    public async Task Patients_and_doctors_book_for_themselves_and_staff_for_all()
    {
        var (patient, doctor, staff) = await People();
        var (other, colleague) = (await caraway.Person(), await caraway.Person("doctor"));
        var time = Clinic.NewTime();
        async Task<int> Book(Accounts.SignedIn who, long patientId, long? doctorId) =>
            (await caraway.Book(who, patientId, doctorId, time = time.AddHours(1))).Status;

        Assert.Equal(201, await Book(patient, patient.UserId, doctor.UserId));
        Assert.Equal(403, await Book(patient, other.UserId, doctor.UserId));
        Assert.Equal(201, await Book(doctor, patient.UserId, doctor.UserId));
        Assert.Equal(403, await Book(doctor, patient.UserId, colleague.UserId));
        Assert.Equal(403, await Book(doctor, patient.UserId, null));
        Assert.Equal(201, await Book(staff, patient.UserId, colleague.UserId));
        Assert.Equal(201, await Book(await caraway.Person("admin"), patient.UserId, null));
        foreach (var role in new[] { "auditor", "adjudicator", "agent" })
            Assert.Equal(403, await Book(await caraway.Person(role), patient.UserId, null));
        (await caraway.Anonymously(HttpMethod.Post, Path, Clinic.Booking(patient.UserId, null, time))).IsProblem(401, "not_signed_in");
        Assert.Equal(403, (await caraway.Post(Path, Clinic.Booking(patient.UserId, null, time))).Status);
    }

    [Fact]
    public async Task A_key_may_do_only_the_acts_of_its_scopes()
    {
        var (patient, doctor, _) = await People();
        var (all, reading) = (await caraway.Key("care:*"), await caraway.Key("care:read"));
        string Body() => Clinic.Booking(patient.UserId, doctor.UserId, Clinic.NewTime());
        var booked = await caraway.Anonymously(HttpMethod.Post, Path, Body(), all);
        Assert.Equal(201, booked.Status);
        var id = booked.Json.GetProperty("id").GetInt64();

        Assert.Equal(403, (await caraway.Anonymously(HttpMethod.Post, Path, Body(), reading)).Status);
        Assert.Equal(403, (await caraway.Anonymously(HttpMethod.Patch, $"{Path}/{id}", "{}", reading)).Status);
        string[] paths =
        [
            $"{Path}/{id}", $"{Path}/patients/{patient.UserId}", $"{Path}/doctors/{doctor.UserId}", $"/api/v1/tasks/appointments/{id}",
            $"/api/v1/lab-results/patients/{patient.UserId}",
        ];
        foreach (var path in paths)
        {
            Assert.Equal(404, (await caraway.Anonymously(HttpMethod.Get, path, null, reading)).Status);
            Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Get, path, null, all)).Status);
        }
    }

    [Fact]
    public async Task The_same_idempotency_key_books_once()
    {
        var (patient, doctor, staff) = await People();
        var other = await caraway.Person();
        var time = Clinic.NewTime();
        var body = Clinic.Booking(patient.UserId, doctor.UserId, time);

        var key = ("Idempotency-Key", "k1");

        var first = await caraway.Post(patient, Path, body, key);
        var again = await caraway.Post(patient, Path, body, key);
        var conflict = await caraway.Post(staff, Path, Clinic.Booking(other.UserId, doctor.UserId, time), key);
        var otherBody = await caraway.Post(patient, Path, Clinic.Booking(patient.UserId, null, time), key);

        Assert.Equal((201, 201, first.Body), (first.Status, again.Status, again.Body));
        Assert.Equal("true", again.Headers["Idempotent-Replayed"]);
        conflict.IsProblem(409, "doctor_booked");
        Assert.Equal(422, otherBody.Status);
    }

    [Fact]
    public async Task A_known_tag_is_304_for_those_who_see_the_appointment_and_404_for_others()
    {
        var (patient, doctor, _) = await People();
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, Clinic.NewTime());
        var read = await caraway.Get(doctor, $"{Path}/{id}");

        Assert.StartsWith("\"v1-n", read.Headers["ETag"], StringComparison.Ordinal);
        Assert.Equal((304, ""), await StatusAndBody(caraway.Get(doctor, $"{Path}/{id}", ("If-None-Match", read.Headers["ETag"]))));
        foreach (var role in new[] { "patient", "doctor" })
        {
            var stranger = await caraway.Person(role);
            (await caraway.Get(stranger, $"{Path}/{id}", ("If-None-Match", "*"))).IsProblem(404, "appointment_not_found");
            (await caraway.Change(stranger, id, """{"status":"cancelled"}""")).IsProblem(404, "appointment_not_found");
        }

        Assert.Equal(200, (await caraway.Get(await caraway.Person("auditor"), $"{Path}/{id}")).Status);
        Assert.Equal(403, (await caraway.Change(await caraway.Person("auditor"), id, "{}")).Status);
        foreach (var bad in Records.ForeignIds)
            Assert.Equal(404, (await caraway.Get(doctor, $"{Path}/{bad.Data}")).Status);
    }

    private async Task<(Accounts.SignedIn Patient, Accounts.SignedIn Doctor, Accounts.SignedIn Staff)> People() =>
        (await caraway.Person(), await caraway.Person("doctor", "Dr. Who"), await caraway.Person("caseworker", "Cas"));

    private async Task<string> UserOf(Accounts.SignedIn who) =>
        Time.Replace((await caraway.Get(who, $"/api/v1/users/{who.UserId}")).Body, "\"(time)\"");

    private static async Task<(int, string)> StatusAndBody(Task<Answer> answer) => ((await answer).Status, (await answer).Body);

    [GeneratedRegex("\"\\d{4}-[^\"]*Z\"", RegexOptions.None, 1000)]
    private static partial Regex Time { get; }
}
