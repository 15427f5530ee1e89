using System.Globalization;
using System.Text.Json;
using Caraway.Tests.Advocacy;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Care;

public sealed class AppointmentTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Path = "/api/v1/appointments";

    [Fact]
    public async Task A_booking_shows_all_that_was_given()
    {
        var (patient, doctor, _) = await People();
        var time = Clinic.NewTime();

        var answer = await caraway.As(
            patient, HttpMethod.Post, Path + "/",
            $$"""{"patient_id":{{patient.UserId}},"doctor_id":{{doctor.UserId}},"scheduled_time":"{{time.Text()}}","duration_minutes":45,"reason":"Knee","notes":"Left one","status":"completed","id":7}""");

        Assert.True(answer.Status == 201, answer.Body);
        var id = answer.Json.GetProperty("id").GetInt64();
        Assert.Equal($"{Path}/{id}", answer.Headers["Location"]);
        Shape.Is(
            $$"""
            {"id":{{id}},"patient_id":{{patient.UserId}},"doctor_id":{{doctor.UserId}},"scheduled_time":"(time)","duration_minutes":45,"reason":"Knee","status":"pending","notes":"Left one",
             "created_at":"(time)","updated_at":"(time)","patient":{{await UserOf(patient)}},"doctor":{{await UserOf(doctor)}} }
            """,
            answer);
        Assert.Equal(time.Text(), answer.Json.GetProperty("scheduled_time").GetString());
        Assert.Equal($"appointment.created by user:{patient.UserId}", await caraway.Trail(id));
        Assert.Equal(
            $$"""{"appointment_id" : {{id}}, "patient_id" : {{patient.UserId}}, "doctor_id" : {{doctor.UserId}}, "scheduled_time" : "{{time.Text()}}"}""",
            (await caraway.NewestPayload($"care.appointment:{id}")).GetRawText());
        var read = await caraway.As(patient, HttpMethod.Get, $"{Path}/{id}/");
        Assert.Equal((200, answer.Body), (read.Status, read.Body));
    }

    [Fact]
    public async Task What_is_not_given_has_defaults()
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
    public async Task What_is_wrong_is_422_and_named(string field, string value, string pointer)
    {
        var (patient, _, staff) = await People();
        var fields = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["patient_id"] = patient.UserId.ToString(CultureInfo.InvariantCulture), ["scheduled_time"] = $"\"{Clinic.NewTime().Text()}\"", ["reason"] = "\"x\"",
        };
        fields[field] = value;

        var answer = await caraway.WritesNothing(() => caraway.As(staff, HttpMethod.Post, Path, "{" + string.Join(',', fields.Select(f => $"\"{f.Key}\":{f.Value}")) + "}"));

        answer.IsProblem(422, "invalid");
        Assert.Equal([pointer], answer.Pointers);
    }

    [Theory]
    [InlineData(5, 255, 201)]
    [InlineData(480, 1, 201)]
    [InlineData(30, 256, 422)]
    public async Task Bounds_hold_to_the_last_one(int minutes, int characters, int status)
    {
        var (patient, _, _) = await People();
        var reason = string.Concat(Enumerable.Repeat("🦴", characters));

        var answer = await caraway.As(
            patient, HttpMethod.Post, Path, $$"""{"patient_id":{{patient.UserId}},"scheduled_time":"{{Clinic.NewTime().Text()}}","duration_minutes":{{minutes}},"reason":"{{reason}}"}""");

        Assert.Equal(status, answer.Status);
    }

    [Fact]
    public async Task Persons_are_who_they_should_be()
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

        var answer = await caraway.As(patient, HttpMethod.Post, Path, $$"""{"patient_id":{{patient.UserId}},"scheduled_time":"{{time:yyyy-MM-dd}}{{clock}}","reason":"x"}""");

        Assert.True(answer.Status == 201, answer.Body);
        Assert.Equal(time.Text(), answer.Json.GetProperty("scheduled_time").GetString());
    }

    [Fact]
    public async Task Who_may_book_whom()
    {
        var (patient, doctor, staff) = await People();
        var (other, colleague) = (await caraway.Person(), await caraway.Person("doctor"));
        var time = Clinic.NewTime();
        async Task<int> Book(Accounts.SignedIn who, long of, long? with) => (await caraway.Book(who, of, with, time = time.AddHours(1))).Status;

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
    public async Task Keys_do_what_their_scopes_say()
    {
        var (patient, doctor, _) = await People();
        var (all, reading) = (await caraway.Key("care:*"), await caraway.Key("care:read"));
        var booked = await caraway.Anonymously(HttpMethod.Post, Path, Clinic.Booking(patient.UserId, doctor.UserId, Clinic.NewTime()), all);
        Assert.Equal(201, booked.Status);
        var id = booked.Json.GetProperty("id").GetInt64();

        Assert.Equal(403, (await caraway.Anonymously(HttpMethod.Post, Path, Clinic.Booking(patient.UserId, doctor.UserId, Clinic.NewTime()), reading)).Status);
        Assert.Equal(403, (await caraway.Anonymously(HttpMethod.Patch, $"{Path}/{id}", "{}", reading)).Status);
        foreach (var path in new[] { $"{Path}/{id}", $"{Path}/patients/{patient.UserId}", $"{Path}/doctors/{doctor.UserId}", $"/api/v1/tasks/appointments/{id}", $"/api/v1/lab-results/patients/{patient.UserId}" })
        {
            Assert.Equal(404, (await caraway.Anonymously(HttpMethod.Get, path, null, reading)).Status);
            Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Get, path, null, all)).Status);
        }
    }

    [Fact]
    public async Task The_same_key_books_once_and_a_conflict_is_remembered()
    {
        var (patient, doctor, staff) = await People();
        var other = await caraway.Person();
        var time = Clinic.NewTime();
        var body = Clinic.Booking(patient.UserId, doctor.UserId, time);

        var first = await caraway.As(patient, HttpMethod.Post, Path, body, ("Idempotency-Key", "k1"));
        var again = await caraway.As(patient, HttpMethod.Post, Path, body, ("Idempotency-Key", "k1"));
        var conflict = await caraway.As(staff, HttpMethod.Post, Path, Clinic.Booking(other.UserId, doctor.UserId, time), ("Idempotency-Key", "k1"));

        Assert.Equal((201, 201, first.Body), (first.Status, again.Status, again.Body));
        Assert.Equal("true", again.Headers["Idempotent-Replayed"]);
        conflict.IsProblem(409, "doctor_booked");
        Assert.Equal(422, (await caraway.As(patient, HttpMethod.Post, Path, Clinic.Booking(patient.UserId, null, time), ("Idempotency-Key", "k1"))).Status);
    }

    [Fact]
    public async Task Who_has_it_already_gets_304_and_others_404()
    {
        var (patient, doctor, _) = await People();
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, Clinic.NewTime());
        var read = await caraway.As(doctor, HttpMethod.Get, $"{Path}/{id}");

        Assert.StartsWith("\"v1-n", read.Headers["ETag"], StringComparison.Ordinal);
        Assert.Equal((304, ""), await StatusAndBody(caraway.As(doctor, HttpMethod.Get, $"{Path}/{id}", null, ("If-None-Match", read.Headers["ETag"]))));
        foreach (var role in new[] { "patient", "doctor" })
        {
            var stranger = await caraway.Person(role);
            (await caraway.As(stranger, HttpMethod.Get, $"{Path}/{id}", null, ("If-None-Match", "*"))).IsProblem(404, "appointment_not_found");
            (await caraway.Change(stranger, id, """{"status":"cancelled"}""")).IsProblem(404, "appointment_not_found");
        }

        Assert.Equal(200, (await caraway.As(await caraway.Person("auditor"), HttpMethod.Get, $"{Path}/{id}")).Status);
        Assert.Equal(403, (await caraway.Change(await caraway.Person("auditor"), id, "{}")).Status);
        foreach (var bad in Records.ForeignIds)
            Assert.Equal(404, (await caraway.As(doctor, HttpMethod.Get, $"{Path}/{bad.Data}")).Status);
    }

    public static TheoryData<string, string, bool, int> Moves
    {
        get
        {
            var data = new TheoryData<string, string, bool, int>();
            foreach (var from in new[] { "pending", "confirmed", "completed", "cancelled" })
            {
                foreach (var to in new[] { "pending", "confirmed", "completed", "cancelled" })
                {
                    var isFinal = from is "completed" or "cancelled";
                    data.Add(from, to, false, from == to || (from, to) is ("pending", "confirmed") or ("pending", "cancelled") or ("confirmed", "completed") or ("confirmed", "cancelled") ? 200 : 409);
                    data.Add(from, to, true, isFinal || to == "completed" ? 409 : 200);
                }
            }

            return data;
        }
    }

    [Theory, MemberData(nameof(Moves))]
    public async Task Moves_are_those_of_the_contract(string from, string to, bool rescheduled, int status)
    {
        var (patient, doctor, staff) = await People();
        var time = Clinic.NewTime();
        var id = await caraway.Booked(staff, patient.UserId, doctor.UserId, time);
        foreach (var step in from == "completed" ? ["confirmed", "completed"] : from == "pending" ? Array.Empty<string>() : [from])
            Assert.Equal(200, (await caraway.Change(staff, id, $$"""{"status":"{{step}}"}""")).Status);
        var before = await caraway.Trail(id);

        var answer = await caraway.Change(staff, id, $$"""{"status":"{{to}}"{{(rescheduled ? $",\"scheduled_time\":\"{time.AddHours(1).Text()}\"" : "")}}}""");

        Assert.Equal(status, answer.Status);
        if (status == 409)
            Assert.Equal($"Invalid status transition {from} -> {to}", answer.IsProblem(409, "invalid_transition").Detail);
        else
            Assert.Equal(to, answer.Json.GetProperty("status").GetString());
        Assert.Equal(status == 409 || (from == to && !rescheduled) ? before : before + $", appointment.updated by user:{staff.UserId}", await caraway.Trail(id));
    }

    [Fact]
    public async Task What_each_role_may_change()
    {
        var (patient, doctor, _) = await People();
        var colleague = await caraway.Person("doctor");
        var time = Clinic.NewTime();
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, time);
        async Task Is(Accounts.SignedIn who, string json, int status) => Assert.Equal((json, status), (json, (await caraway.Change(who, id, json)).Status));

        foreach (var json in new[] { """{"status":"confirmed"}""", """{"status":"completed"}""", $$"""{"doctor_id":{{colleague.UserId}}}""", $$"""{"scheduled_time":"{{time.AddHours(1).Text()}}","status":"confirmed"}""" })
            await Is(patient, json, 403);
        await Is(doctor, $$"""{"doctor_id":{{colleague.UserId}}}""", 403);
        await Is(doctor, $$"""{"scheduled_time":"{{time.AddHours(1).Text()}}"}""", 403);
        await Is(doctor, """{"notes":"Fasting"}""", 200);
        await Is(doctor, """{"status":"confirmed"}""", 200);
        await Is(patient, """{"status":"confirmed","notes":"Thanks"}""", 200);
        await Is(patient, """{"status":"pending"}""", 409);
        await Is(patient, $$"""{"scheduled_time":"{{time.AddHours(1).Text()}}"}""", 200);
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
    public async Task What_changes_nothing_writes_nothing(string body)
    {
        var (patient, doctor, _) = await People();
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, Clinic.NewTime());

        var answer = await caraway.WritesNothing(() => caraway.Change(patient, id, body));

        Assert.Equal(200, answer.Status);
        Assert.StartsWith("\"v1-n", answer.Headers["ETag"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_change_says_before_and_after_and_of_notes_only_that_they_changed()
    {
        var (patient, doctor, staff) = await People();
        var colleague = await caraway.Person("doctor");
        var time = Clinic.NewTime();
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, time);

        var answer = await caraway.Change(staff, id, $$"""{"notes":"secret words","doctor_id":{{colleague.UserId}},"scheduled_time":"{{time.AddHours(1).Text()}}","status":"confirmed"}""");

        Assert.True(answer.Status == 200, answer.Body);
        Assert.Equal(("secret words", colleague.UserId), (answer.Json.GetProperty("notes").GetString(), answer.Json.GetProperty("doctor").GetProperty("id").GetInt64()));
        Assert.StartsWith("\"v2-n", answer.Headers["ETag"], StringComparison.Ordinal);
        Shape.Is(
            $$"""
            {"appointment_id":{{id}},"patient_id":{{patient.UserId}},"doctor_id":{{colleague.UserId}},"changes":{
             "status":{"before":"pending","after":"confirmed"},"scheduled_time":{"before":"(time)","after":"(time)"},
             "doctor_id":{"before":{{doctor.UserId}},"after":{{colleague.UserId}}},"notes":{"changed":true} } }
            """,
            (await caraway.NewestPayload($"care.appointment:{id}")).GetRawText());
        Assert.Equal(404, (await caraway.As(doctor, HttpMethod.Get, $"{Path}/{id}")).Status);
    }

    [Fact]
    public async Task A_stale_tag_is_412_and_a_good_one_wins_once()
    {
        var (patient, doctor, staff) = await People();
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, Clinic.NewTime());

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => caraway.Change(staff, id, $$"""{"notes":"{{i}}"}""", ("If-Match", "\"v1\""))));

        Assert.Equal("200 412 412 412 412 412 412 412", string.Join(' ', answers.Select(answer => answer.Status).Order()));
        (await caraway.Change(staff, id, "{}", ("If-Match", "\"v1\""))).IsProblem(412, "stale_version");
        (await caraway.Change(staff, id, "{}", ("If-Match", "W/\"v2\""))).IsProblem(412, "stale_version");
        Assert.Equal(200, (await caraway.Change(staff, id, "{}", ("If-Match", "\"v2\""))).Status);
    }

    [Fact]
    public async Task Changes_at_once_are_all_kept_and_one_end_wins()
    {
        var (patient, doctor, staff) = await People();
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, Clinic.NewTime());
        Assert.Equal(200, (await caraway.Change(staff, id, """{"status":"confirmed"}""")).Status);

        var ends = await Task.WhenAll(caraway.Change(doctor, id, """{"status":"completed"}"""), caraway.Change(patient, id, """{"status":"cancelled"}"""), caraway.Change(staff, id, """{"notes":"x"}"""));

        Assert.Equal("200 200 409", string.Join(' ', ends.Select(answer => answer.Status).Order()));
        Assert.Equal(200, ends[2].Status);
        Assert.Equal(4, await caraway.Database.Scalar<long>($"select version from care.appointments where id = {id}"));
    }

    [Fact]
    public async Task An_assignment_onto_a_taken_time_is_409_and_to_nobody_422()
    {
        var (patient, doctor, staff) = await People();
        var (other, colleague) = (await caraway.Person(), await caraway.Person("doctor"));
        var time = Clinic.NewTime();
        await caraway.Booked(other, other.UserId, colleague.UserId, time);
        var id = await caraway.Booked(patient, patient.UserId, doctor.UserId, time);

        Assert.Equal("Doctor already has an appointment at that time", (await caraway.Change(staff, id, $$"""{"doctor_id":{{colleague.UserId}}}""")).IsProblem(409, "doctor_booked").Detail);
        Assert.Equal(["#/doctor_id"], (await caraway.Change(staff, id, $$"""{"doctor_id":{{patient.UserId}}}""")).IsProblem(422, "invalid").Pointers);
        Assert.Equal(["#/scheduled_time"], (await caraway.Change(staff, id, """{"scheduled_time":"2020-01-01T00:00:00Z"}""")).IsProblem(422, "invalid").Pointers);
        Assert.Equal(["#/status"], (await caraway.Change(staff, id, """{"status":"done"}""")).IsProblem(422, "invalid").Pointers);
        Assert.Equal(404, (await caraway.Change(staff, 99_999_999, "{}")).Status);
    }

    private async Task<(Accounts.SignedIn Patient, Accounts.SignedIn Doctor, Accounts.SignedIn Staff)> People() =>
        (await caraway.Person(), await caraway.Person("doctor", "Dr. Who"), await caraway.Person("caseworker", "Cas"));

    private async Task<string> UserOf(Accounts.SignedIn who) =>
        System.Text.RegularExpressions.Regex.Replace((await caraway.As(who, HttpMethod.Get, $"/api/v1/users/{who.UserId}")).Body, "\"\\d{4}-[^\"]*Z\"", "\"(time)\"", default, TimeSpan.FromSeconds(1));

    private static async Task<(int, string)> StatusAndBody(Task<Answer> answer) => ((await answer).Status, (await answer).Body);
}
