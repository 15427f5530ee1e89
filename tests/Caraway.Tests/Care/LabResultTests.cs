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

        var answer = await caraway.As(staff, HttpMethod.Post, Path + "/", Body(patient, """{"value":5.10,"unit":"mmol/L","reference_range":{"low":3.5,"high":5.0}}"""));

        Assert.True(answer.Status == 201, answer.Body);
        var id = answer.Json.GetProperty("id").GetInt64();
        Assert.Equal($"{Path}/{id}", answer.Headers["Location"]);
        var shape = $$"""
            {"id":{{id}},"patient_id":{{patient.UserId}},"test_name":"Potassium","result_data":{"value":5.10,"unit":"mmol/L","reference_range":{"low":3.5,"high":5.0} },"interpretation":"high","recorded_at":"(time)","created_at":"(time)"}
            """;
        Shape.Is(shape, answer);
        Assert.Equal(answer.Body, (await caraway.As(patient, HttpMethod.Get, $"{Path}/{id}")).Body);
        Assert.Equal($"[{answer.Body}]", (await caraway.As(patient, HttpMethod.Get, $"{Path}/patients/{patient.UserId}/")).Body);
        Assert.Equal(
            $"lab_result.created by user:{staff.UserId}", await caraway.Database.Scalar<string>($"select string_agg(name || ' by ' || actor, ', ') from platform.events where subject = 'care.lab_result:{id}'"));
        Shape.Is($$"""{"lab_result_id":{{id}},"patient_id":{{patient.UserId}},"test_name":"Potassium"}""", (await caraway.NewestPayload($"care.lab_result:{id}")).GetRawText());
    }

    [Fact]
    public async Task A_doctors_patients_are_those_that_somebody_else_gave_him()
    {
        var (staff, patient, doctor) = (await caraway.Person("caseworker"), await caraway.Person(), await caraway.Person("doctor"));
        var result = (await caraway.As(staff, HttpMethod.Post, Path, Body(patient, "{}"))).Json.GetProperty("id").GetInt64();
        async Task Sees(int read, int list, int write) => Assert.Equal(
            (read, list, write),
            ((await caraway.As(doctor, HttpMethod.Get, $"{Path}/{result}")).Status, (await caraway.As(doctor, HttpMethod.Get, $"{Path}/patients/{patient.UserId}")).Status,
            (await caraway.As(doctor, HttpMethod.Post, Path, Body(patient, "{}"))).Status));

        await Sees(404, 404, 403);
        var own = await caraway.Booked(doctor, patient.UserId, doctor.UserId, Clinic.NewTime());
        await Sees(404, 404, 403);
        await caraway.Change(staff, own, $$"""{"doctor_id":{{doctor.UserId}},"status":"confirmed"}""");
        await caraway.Change(patient, own, $$"""{"scheduled_time":"{{Clinic.NewTime().Text()}}"}""");
        await Sees(404, 404, 403);
        var given = await caraway.Booked(patient, patient.UserId, doctor.UserId, Clinic.NewTime());
        await Sees(200, 200, 201);
        await caraway.Change(doctor, given, """{"status":"cancelled"}""");
        await Sees(404, 404, 403);
        var assigned = await caraway.Booked(staff, patient.UserId, null, Clinic.NewTime());
        await caraway.Change(staff, assigned, $$"""{"doctor_id":{{doctor.UserId}}}""");
        await Sees(200, 200, 201);
    }

    [Fact]
    public async Task Who_may_record_and_read()
    {
        var (staff, patient) = (await caraway.Person("caseworker"), await caraway.Person());
        var id = (await caraway.As(staff, HttpMethod.Post, Path, Body(patient, "{}"))).Json.GetProperty("id").GetInt64();
        foreach (var (role, write, read) in new[] { ("patient", 403, 404), ("doctor", 403, 404), ("admin", 201, 200), ("caseworker", 201, 200), ("auditor", 403, 200), ("agent", 403, 403), ("adjudicator", 403, 403) })
        {
            var who = await caraway.Person(role);
            Assert.Equal((role, write), (role, (await caraway.As(who, HttpMethod.Post, Path, Body(patient, "{}"))).Status));
            Assert.Equal((role, read), (role, (await caraway.As(who, HttpMethod.Get, $"{Path}/{id}")).Status));
            Assert.Equal((role, read), (role, (await caraway.As(who, HttpMethod.Get, $"{Path}/patients/{patient.UserId}")).Status));
        }

        Assert.Equal(403, (await caraway.As(patient, HttpMethod.Post, Path, Body(patient, "{}"))).Status);
        Assert.Equal(401, (await caraway.Anonymously(HttpMethod.Get, $"{Path}/{id}", null)).Status);
        Assert.Equal(["#/patient_id"], (await caraway.As(staff, HttpMethod.Post, Path, Body(staff, "{}"))).IsProblem(422, "invalid").Pointers);
        foreach (var bad in Records.ForeignIds)
            (await caraway.As(staff, HttpMethod.Get, $"{Path}/{bad.Data}")).IsProblem(404, "lab_result_not_found");
    }

    [Theory]
    [InlineData("""{"value":5.10}""")]
    [InlineData("""{"value":1e2,"b":-0.0,"c":1E+05,"d":-0}""")]
    [InlineData("""{"value":1234567890123456789012345678901234567890.0123456789}""")]
    [InlineData("""{"":"","a":[1.0,[2.00,{}]],"B":null,"b":true}""")]
    [InlineData("""{"ü":"é 🦴 < & ' \u003c"}""")]
    public async Task What_was_sent_comes_back_as_it_was_sent(string data)
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
    public async Task What_cannot_be_kept_is_422(string data)
    {
        var (staff, patient) = (await caraway.Person("caseworker"), await caraway.Person());

        var answer = await caraway.WritesNothing(() => caraway.As(staff, HttpMethod.Post, Path, Body(patient, data)));

        Assert.Equal(["#/result_data"], answer.IsProblem(422, "invalid").Pointers);
    }

    [Theory]
    [InlineData(65_536, 201)]
    [InlineData(65_537, 422)]
    public async Task Results_have_64_KiB(int bytes, int status)
    {
        var (staff, patient) = (await caraway.Person("caseworker"), await caraway.Person());

        Assert.Equal(status, (await caraway.As(staff, HttpMethod.Post, Path, Body(patient, $$"""{"a":"{{new string('x', bytes - 8)}}"}"""))).Status);
    }

    [Theory]
    [InlineData(16, 201)]
    [InlineData(17, 422)]
    [InlineData(60, 422)]
    public async Task Results_have_16_levels(int levels, int status)
    {
        var (staff, patient) = (await caraway.Person("caseworker"), await caraway.Person());

        foreach (var (open, close) in new[] { ("{\"a\":", "}"), ("[", "]") })
        {
            var data = "{\"a\":" + string.Concat(Enumerable.Repeat(open, levels - 1)) + "1" + string.Concat(Enumerable.Repeat(close, levels - 1)) + "}";
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
    public async Task What_is_wrong_is_named(string field, string pointer)
    {
        var (staff, patient) = (await caraway.Person("caseworker"), await caraway.Person());
        var name = field[..field.IndexOf(':', StringComparison.Ordinal)];
        var fields = new[] { $"\"patient_id\":{patient.UserId}", "\"test_name\":\"x\"", "\"recorded_at\":\"2026-01-01T00:00:00Z\"", "\"result_data\":{}" }.Where(other => !other.StartsWith(name, StringComparison.Ordinal));

        Assert.Equal([pointer], (await caraway.As(staff, HttpMethod.Post, Path, "{" + string.Join(',', fields.Append(field)) + "}")).IsProblem(422, "invalid").Pointers);
    }

    [Theory]
    [InlineData("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z")]
    [InlineData("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999Z")]
    public async Task The_ends_of_time_come_back_or_are_refused(string sent, string back)
    {
        var (staff, patient) = (await caraway.Person("caseworker"), await caraway.Person());

        var answer = await caraway.As(staff, HttpMethod.Post, Path, Body(patient, "{}").Replace("2026-01-01T00:00:00Z", sent, StringComparison.Ordinal));

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
