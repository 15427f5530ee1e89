using Caraway.Tests.Advocacy;
using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Care;

public sealed class LabResultTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Path = "/api/v1/lab-results";

    [Fact]
    public async Task A_result_is_recorded_read_and_listed()
    {
        var (staff, patient) = (await caraway.Person("caseworker"), await caraway.Person());

        const string data = """{"value":5.10,"unit":"mmol/L","reference_range":{"low":3.5,"high":5.0}}""";

        var answer = await caraway.Post(staff, Path + "/", Body(patient, data));

        Assert.True(answer.Status == 201, answer.Body);
        var id = answer.Json.GetProperty("id").GetInt64();
        Assert.Equal($"{Path}/{id}", answer.Headers["Location"]);
        var shape = $$"""
            {"id":{{id}},"patient_id":{{patient.UserId}},"test_name":"Potassium","result_data":{{data}},"interpretation":"high",
             "recorded_at":"(time)","created_at":"(time)"}
            """;
        Shape.Is(shape, answer);
        Assert.Equal(answer.Body, (await caraway.Get(patient, $"{Path}/{id}")).Body);
        Assert.Equal($"[{answer.Body}]", (await caraway.Get(patient, $"{Path}/patients/{patient.UserId}/")).Body);
        Assert.Equal(
            $"lab_result.created by user:{staff.UserId}",
            await caraway.Database.Scalar<string>(
                $"select string_agg(name || ' by ' || actor, ', ') from platform.events where subject = 'care.lab_result:{id}'"));
        Shape.Is(
            $$"""{"lab_result_id":{{id}},"patient_id":{{patient.UserId}},"test_name":"Potassium"}""",
            await caraway.NewestPayload($"care.lab_result:{id}"));
    }

    [Fact]
    public async Task A_doctor_sees_results_only_of_patients_whom_somebody_else_assigned()
    {
        var (staff, patient, doctor) = (await caraway.Person("caseworker"), await caraway.Person(), await caraway.Person("doctor"));
        var result = (await caraway.Post(staff, Path, Body(patient, "{}"))).Json.GetProperty("id").GetInt64();
        async Task Sees(int read, int list, int write) => Assert.Equal(
            (read, list, write),
            ((await caraway.Get(doctor, $"{Path}/{result}")).Status,
            (await caraway.Get(doctor, $"{Path}/patients/{patient.UserId}")).Status,
            (await caraway.Post(doctor, Path, Body(patient, "{}"))).Status));

        await Sees(404, 404, 403);
        var own = await caraway.Booked(doctor, patient.UserId, doctor.UserId, Clinic.NewTime());
        await Sees(404, 404, 403);
        await caraway.Change(staff, own, $$"""{"doctor_id":{{doctor.UserId}},"status":"confirmed"}""");
        await caraway.Change(patient, own, Clinic.Reschedule(Clinic.NewTime()));
        await Sees(404, 404, 403);
        var given = await caraway.Booked(patient, patient.UserId, doctor.UserId, Clinic.NewTime());
        await Sees(200, 200, 201);
        await caraway.Change(doctor, given, """{"status":"cancelled"}""");
        await Sees(404, 404, 403);
        var assigned = await caraway.Booked(staff, patient.UserId, null, Clinic.NewTime());
        await caraway.Change(staff, assigned, Clinic.Reassign(doctor));
        await Sees(200, 200, 201);
    }

    [Fact]
    public async Task Each_role_records_and_reads_as_its_permissions_say()
    {
        var (staff, patient) = (await caraway.Person("caseworker"), await caraway.Person());
        var id = (await caraway.Post(staff, Path, Body(patient, "{}"))).Json.GetProperty("id").GetInt64();
        (string, int, int)[] roles =
        [
            ("patient", 403, 404), ("doctor", 403, 404), ("admin", 201, 200), ("caseworker", 201, 200), ("auditor", 403, 200),
            ("agent", 403, 403), ("adjudicator", 403, 403),
        ];
        foreach (var (role, write, read) in roles)
        {
            var who = await caraway.Person(role);
            Assert.Equal((role, write), (role, (await caraway.Post(who, Path, Body(patient, "{}"))).Status));
            Assert.Equal((role, read), (role, (await caraway.Get(who, $"{Path}/{id}")).Status));
            Assert.Equal((role, read), (role, (await caraway.Get(who, $"{Path}/patients/{patient.UserId}")).Status));
        }

        Assert.Equal(403, (await caraway.As(patient, HttpMethod.Post, Path, Body(patient, "{}"))).Status);
        Assert.Equal(401, (await caraway.Anonymously(HttpMethod.Get, $"{Path}/{id}", null)).Status);
        Assert.Equal(["#/patient_id"], (await caraway.Post(staff, Path, Body(staff, "{}"))).IsProblem(422, "invalid").Pointers);
        foreach (var bad in Records.ForeignIds)
            (await caraway.Get(staff, $"{Path}/{bad.Data}")).IsProblem(404, "lab_result_not_found");
    }

    [Theory]
    [InlineData("""{"value":5.10}""")]
    [InlineData("""{"value":1e2,"b":-0.0,"c":1E+05,"d":-0}""")]
    [InlineData("""{"value":1234567890123456789012345678901234567890.0123456789}""")]
    [InlineData("""{"":"","a":[1.0,[2.00,{}]],"B":null,"b":true}""")]
    [InlineData("""{"ü":"é 🦴 < & ' \u003c"}""")]
    public async Task Result_data_come_back_as_they_were_sent(string data)
    {
        var (staff, patient) = (await caraway.Person("caseworker"), await caraway.Person());

        var answer = await caraway.As(staff, HttpMethod.Post, Path, Body(patient, data));

        Assert.True(answer.Status == 201, answer.Body);
        var read = await caraway.As(staff, HttpMethod.Get, $"{Path}/{answer.Json.GetProperty("id").GetInt64()}");
        Assert.Equal(answer.Body, read.Body);
        var back = read.Json.GetProperty("result_data");
        Assert.True(System.Text.Json.JsonElement.DeepEquals(Records.Parse(data), back), back.GetRawText());
        if (!data.Contains('"' + "ü", StringComparison.Ordinal))
            Assert.Equal(data, back.GetRawText());
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("5")]
    [InlineData("null")]
    [InlineData("true")]
    [InlineData("""{"a":"\u0000"}""")]
    [InlineData("""{"a\u0000":1}""")]
    [InlineData("""{"a":["\ud800"]}""")]
    [InlineData("""{"\udc00":1}""")]
    [InlineData("""{"a":1,"a":2}""")]
    [InlineData("""{"a":{"b":1,"\u0062":2} }""")]
    public async Task Result_data_that_cannot_be_stored_are_422(string data)
    {
        var (staff, patient) = (await caraway.Person("caseworker"), await caraway.Person());

        var answer = await caraway.WritesNothing(() => caraway.As(staff, HttpMethod.Post, Path, Body(patient, data)));

        Assert.Equal(["#/result_data"], answer.IsProblem(422, "invalid").Pointers);
    }

    [Theory]
    [InlineData(65_536, 201)]
    [InlineData(65_537, 422)]
    public async Task Result_data_have_at_most_64_KiB(int bytes, int status)
    {
        var (staff, patient) = (await caraway.Person("caseworker"), await caraway.Person());

        var data = $$"""{"a":"{{new string('x', bytes - 8)}}"}""";

        Assert.Equal(status, (await caraway.Post(staff, Path, Body(patient, data))).Status);
    }

    [Theory]
    [InlineData(16, 201)]
    [InlineData(17, 422)]
    [InlineData(60, 422)]
    public async Task Result_data_have_at_most_16_levels(int levels, int status)
    {
        var (staff, patient) = (await caraway.Person("caseworker"), await caraway.Person());

        foreach (var (open, close) in new[] { ("{\"a\":", "}"), ("[", "]") })
        {
            string Inner(string part) => string.Concat(Enumerable.Repeat(part, levels - 1));
            var data = "{\"a\":" + Inner(open) + "1" + Inner(close) + "}";
            Assert.Equal(status, (await caraway.As(staff, HttpMethod.Post, Path, Body(patient, data))).Status);
        }
    }

    [Theory]
    [InlineData("\"test_name\":\"\"", "#/test_name")]
    [InlineData("\"test_name\":null", "#/test_name")]
    [InlineData("\"recorded_at\":\"yesterday\"", "#/recorded_at")]
    [InlineData("\"recorded_at\":null", "#/recorded_at")]
    [InlineData("\"patient_id\":null", "#/patient_id")]
    [InlineData("\"patient_id\":99999999", "#/patient_id")]
    public async Task A_wrong_field_is_422_and_named(string field, string pointer)
    {
        var (staff, patient) = (await caraway.Person("caseworker"), await caraway.Person());
        var name = field[..field.IndexOf(':', StringComparison.Ordinal)];
        string[] good =
        [
            $"\"patient_id\":{patient.UserId}", "\"test_name\":\"x\"", "\"recorded_at\":\"2026-01-01T00:00:00Z\"", "\"result_data\":{}",
        ];
        var fields = good.Where(other => !other.StartsWith(name, StringComparison.Ordinal)).Append(field);

        var answer = await caraway.Post(staff, Path, "{" + string.Join(',', fields) + "}");

        Assert.Equal([pointer], answer.IsProblem(422, "invalid").Pointers);
    }

    [Theory]
    [InlineData("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z")]
    [InlineData("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999Z")]
    public async Task The_first_and_the_last_time_come_back_or_are_refused(string sent, string back)
    {
        var (staff, patient) = (await caraway.Person("caseworker"), await caraway.Person());

        var answer = await caraway.Post(staff, Path, Body(patient, "{}").Replace("2026-01-01T00:00:00Z", sent, StringComparison.Ordinal));

        Assert.Contains(answer.Status, new[] { 201, 422 });
        if (answer.Status == 201)
        {
            Assert.Equal(back, answer.Json.GetProperty("recorded_at").GetString());
            Assert.Equal(200, (await caraway.As(patient, HttpMethod.Get, $"{Path}/patients/{patient.UserId}?limit=1")).Status);
        }
    }

    private static string Body(Accounts.SignedIn patient, string data) =>
        $$"""{"patient_id":{{patient.UserId}},"test_name":"Potassium","recorded_at":"2026-01-01T00:00:00Z","result_data":{{data}} }""";
}
