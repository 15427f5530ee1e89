using System.Text.Json.Nodes;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

public sealed class SubmitIntakeTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Emoji = "😀";

    [Fact]
    public async Task An_intake_opens_a_case_in_NEW()
    {
        var answer = await caraway.Post(
            "/intakes", """{"full_name":"Ada","email":"Ada@EXAMPLE.Com","phone":"1","narrative":"Denied.","external_reference":"A-1"}""");

        Assert.Equal(201, answer.Status);
        var id = answer.Json.GetProperty("case_id").GetInt64();
        Shape.Is($$"""{"case_id":{{id}},"status":"NEW"}""", answer);
        Assert.Equal($"/cases/{id}", answer.Headers["Location"]);
        Assert.Equal("application/json", answer.Headers["Content-Type"].Split(';')[0]);
    }

    [Fact]
    public async Task The_case_its_applicant_and_both_of_its_first_events_are_kept()
    {
        var answer = await caraway.Post(
            "/intakes",
            """
            {"full_name":"Grace Hopper","email":"Grace@EXAMPLE.Com","phone":"+1 555","narrative":"They said \"no\".",
             "external_reference":"G-1"}
            """);

        var id = answer.Json.GetProperty("case_id").GetInt64();
        var read = (await caraway.Get($"/cases/{id}")).Json;
        var applicant = read.GetProperty("applicant").GetProperty("id").GetInt64();
        var statusEvent = read.GetProperty("status_events")[0].GetProperty("id").GetInt64();
        Shape.Is(
            $$"""
            {"id":{{id}},"narrative":"They said \"no\".","current_status":"NEW","assignee":null,"created_at":"(time)","updated_at":"(time)",
             "applicant":{"id":{{applicant}},"full_name":"Grace Hopper","email":"Grace@example.com","phone":"+1 555","created_at":"(time)"},
             "status_events":[{"id":{{statusEvent}},"case_id":{{id}},"from_status":null,"to_status":"NEW","actor":"system",
              "reason":"case created from intake","created_at":"(time)"}],
             "notes":[],"allowed_transitions":["IN_REVIEW","CLOSED"]}
            """,
            read.GetRawText());
        Assert.Equal(
            "G-1", await caraway.Database.Scalar<string>("select external_reference from advocacy.cases where id = @id", ("id", id)));
        await caraway.WroteEvent(
            answer,
            id,
            "case.opened",
            $$"""{"case_id":{{id}},"applicant_id":{{applicant}},"external_reference":"G-1","patient_id":null}""");
    }

    [Fact]
    public async Task Absent_and_null_optional_fields_are_the_same()
    {
        var absent = await caraway.Post("/intakes", """{"full_name":"Ada","narrative":"Denied."}""");
        var empty = await caraway.Post(
            "/intakes",
            """{"full_name":"Ada","narrative":"Denied.","email":null,"phone":null,"patient_id":null,"external_reference":null}""");

        foreach (var answer in new[] { absent, empty })
        {
            Assert.Equal(201, answer.Status);
            var applicant = (await caraway.Get(answer.Headers["Location"])).Json.GetProperty("applicant");
            Shape.Is(
                $$"""{"id":{{applicant.GetProperty("id").GetInt64()}},"full_name":"Ada","email":null,"phone":null,"created_at":"(time)"}""",
                applicant.GetRawText());
        }
    }

    [Fact]
    public async Task Two_intakes_of_one_name_are_two_cases_with_two_applicants()
    {
        var first = await caraway.OpenCase("Same Name");
        var second = await caraway.OpenCase("Same Name");

        Assert.True(second > first);
        Assert.NotEqual(await ApplicantOf(first), await ApplicantOf(second));
    }

    [Theory]
    [InlineData("full_name", "Robert'); drop table advocacy.cases;--")]
    [InlineData("full_name", "@Narrative $1 {0} %s \\")]
    [InlineData("full_name", "O’Brien-Łukasz Ñandú 李小龙 👩‍⚕️")]
    [InlineData("narrative", "  line one\r\n\tline two \u2028 <script>alert(1)</script>  ")]
    [InlineData("phone", "☎ +49 (0) 30/123-45")]
    public async Task Text_is_kept_unchanged(string field, string text)
    {
        var answer = await caraway.Post("/intakes", Intake(field, text));

        Assert.Equal(201, answer.Status);
        var read = (await caraway.Get(answer.Headers["Location"])).Json;
        Assert.Equal(text, (field == "narrative" ? read : read.GetProperty("applicant")).GetProperty(field).GetString());
    }

    [Theory]
    [InlineData("full_name", 200)]
    [InlineData("phone", 50)]
    [InlineData("narrative", 20_000)]
    [InlineData("external_reference", 100)]
    public async Task A_text_may_be_as_long_as_its_limit_counted_in_code_points(string field, int limit)
    {
        foreach (var letter in new[] { "x", "é", Emoji })
        {
            Assert.Equal(201, (await caraway.Post("/intakes", Intake(field, Repeat(letter, limit)))).Status);
            var refused = await caraway.WritesNothing(() => caraway.Post("/intakes", Intake(field, Repeat(letter, limit + 1))));
            refused.IsProblem(422, "invalid");
            Assert.Equal(["#/" + field], refused.Pointers);
        }
    }

    [Theory]
    [InlineData("full_name")]
    [InlineData("narrative")]
    public async Task Name_and_narrative_must_be_more_than_white_space(string field)
    {
        foreach (var blank in new[] { "", " ", "\t\r\n ", "\u00a0", "\u2003\u3000" })
        {
            var answer = await caraway.WritesNothing(() => caraway.Post("/intakes", Intake(field, blank)));
            answer.IsProblem(422, "invalid");
            Assert.Equal(["#/" + field], answer.Pointers);
        }

        Assert.Equal(201, (await caraway.Post("/intakes", Intake(field, " x "))).Status);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"full_name":null,"narrative":null}""")]
    [InlineData("""{"Full_Name":"Ada","fullName":"Ada","Narrative":"Denied."}""")]
    public async Task Name_and_narrative_are_needed(string body)
    {
        var answer = await caraway.WritesNothing(() => caraway.Post("/intakes", body));

        answer.IsProblem(422, "invalid");
        Assert.Equal(["#/full_name", "#/narrative"], answer.Pointers.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("full_name", "1")]
    [InlineData("full_name", """{"a":1}""")]
    [InlineData("full_name", "true")]
    [InlineData("narrative", """["Denied."]""")]
    [InlineData("email", "7")]
    [InlineData("phone", "5551234")]
    [InlineData("external_reference", "12")]
    [InlineData("patient_id", "\"1\"")]
    [InlineData("patient_id", "1.5")]
    [InlineData("patient_id", "99999999999999999999999")]
    [InlineData("full_name", "\"a\\u0000b\"")]
    [InlineData("narrative", "\"half \\ud83d\"")]
    [InlineData("email", "\"a\\u0000@example.com\"")]
    public async Task A_value_of_the_wrong_type_is_refused_at_its_place(string field, string json)
    {
        // JsonNode cannot parse these escapes, so the JSON goes in afterwards.
        const string place = "\"@@\"";
        var intake = Intake(field, JsonNode.Parse(json.Contains("\\u", StringComparison.Ordinal) ? place : json));
        var body = intake.Replace(place, json, StringComparison.Ordinal);

        var answer = await caraway.WritesNothing(() => caraway.Post("/intakes", body));

        answer.IsProblem(422, "invalid");
        Assert.Equal(["#/" + field], answer.Pointers);
    }

    [Fact]
    public async Task A_refusal_never_repeats_the_value()
    {
        var answer = await caraway.Post(
            "/intakes", """{"full_name":"   ","narrative":"secret-story","email":"secret-address","phone":"1"}""");

        answer.IsProblem(422, "invalid");
        Assert.DoesNotContain("secret", answer.Body, StringComparison.Ordinal);
        Assert.Equal(["#/email", "#/full_name"], answer.Pointers.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("1")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("9223372036854775807")]
    public async Task A_patient_must_be_a_user_with_the_role_patient(string id)
    {
        var answer = await caraway.WritesNothing(() => caraway.Post("/intakes", Intake("patient_id", JsonNode.Parse(id))));

        answer.IsProblem(422, "invalid");
        Assert.Equal(["#/patient_id"], answer.Pointers);
    }

    [Fact]
    public async Task A_taken_external_reference_is_409_with_the_case_that_has_it()
    {
        var first = await caraway.Post("/intakes", Intake("external_reference", "taken"));

        var second = await caraway.WritesNothing(() => caraway.Post("/intakes", Intake("external_reference", "taken")));

        second.IsProblem(409, "external_reference_used");
        Assert.Equal("External reference already used", second.Detail);
        Assert.Equal(first.Json.GetProperty("case_id").GetInt64(), second.Json.GetProperty("case_id").GetInt64());
    }

    [Fact]
    public async Task Unknown_fields_are_ignored_and_cannot_set_internal_values()
    {
        var answer = await caraway.Post(
            "/intakes",
            """
            {"full_name":"Ada","narrative":"Denied.","status":"APPROVED","current_status":"CLOSED","id":77777,"case_id":77777,
             "assignee":"Eve","x":{"y":[1]}}
            """);

        Assert.Equal(201, answer.Status);
        var read = (await caraway.Get(answer.Headers["Location"])).Json;
        Assert.NotEqual(77777, read.GetProperty("id").GetInt64());
        Assert.Equal("NEW", read.GetProperty("current_status").GetString());
        Assert.Null(read.GetProperty("assignee").GetString());
    }

    [Fact]
    public async Task A_trailing_slash_makes_no_difference()
    {
        var answer = await caraway.Post("/intakes/", """{"full_name":"Ada","narrative":"Denied."}""");

        Assert.Equal(201, answer.Status);
        Assert.Equal($"/cases/{answer.Json.GetProperty("case_id").GetInt64()}", answer.Headers["Location"]);
    }

    [Theory]
    [InlineData("", 400, "malformed_json")]
    [InlineData("{", 400, "malformed_json")]
    [InlineData("{'full_name':'Ada'}", 400, "malformed_json")]
    [InlineData("""{"full_name":"Ada","narrative":"Denied."} extra""", 400, "malformed_json")]
    [InlineData("null", 422, "invalid")]
    [InlineData("[]", 422, "invalid")]
    [InlineData("\"text\"", 422, "invalid")]
    [InlineData("1", 422, "invalid")]
    public async Task A_body_that_is_not_JSON_is_400_and_one_that_is_not_an_object_422(string body, int status, string code)
    {
        var answer = await caraway.WritesNothing(() => caraway.Post("/intakes", body));

        answer.IsProblem(status, code);
    }

    [Fact]
    public async Task Only_JSON_is_taken()
    {
        using var content = new StringContent(
            "full_name=Ada&narrative=Denied", System.Text.Encoding.UTF8, "application/x-www-form-urlencoded");
        using var response = await caraway.Client.PostAsync("/intakes", content);

        (await Answer.Read(response)).IsProblem(415, "unsupported_media_type");
    }

    [Fact]
    public async Task Bytes_that_are_not_UTF8_are_malformed_JSON()
    {
        using var content = new ByteArrayContent([.. "{\"full_name\":\"A"u8, 0xff, 0xfe, .. "\",\"narrative\":\"Denied.\"}"u8]);
        content.Headers.ContentType = new("application/json");
        using var response = await caraway.Client.PostAsync("/intakes", content);

        Assert.Equal((400, "malformed_json"), ((int)response.StatusCode, (await Answer.Read(response)).Code));
    }

    [Fact]
    public async Task A_body_beyond_a_megabyte_is_413()
    {
        var answer = await caraway.WritesNothing(
            () => caraway.Post("/intakes", Intake("narrative", new string('x', 1_100_000)), ("Expect", "100-continue")));

        Assert.Equal((413, "body_too_large"), (answer.Status, answer.Code));
    }

    [Theory]
    [InlineData("X-Request-Id")]
    [InlineData("X-Content-Type-Options")]
    [InlineData("X-Frame-Options")]
    [InlineData("Content-Security-Policy")]
    [InlineData("Referrer-Policy")]
    public async Task The_refusal_of_a_body_has_the_headers_of_every_answer(string header)
    {
        var taken = await caraway.Post("/intakes", Intake("phone", "1"), ("X-Request-Id", "mine-1"));
        var refused = await caraway.Post("/intakes", "{", ("X-Request-Id", "mine-1"));

        Assert.Equal((201, 400), (taken.Status, refused.Status));
        Assert.Equal(taken.Headers.GetValueOrDefault(header), refused.Headers.GetValueOrDefault(header));
    }

    private static string Intake(string field, JsonNode? value) =>
        new JsonObject { ["full_name"] = "Ada", ["narrative"] = "Denied.", [field] = value }.ToJsonString();

    private static string Repeat(string letter, int times) => string.Concat(Enumerable.Repeat(letter, times));

    private async Task<long> ApplicantOf(long id) =>
        (await caraway.Get($"/cases/{id}")).Json.GetProperty("applicant").GetProperty("id").GetInt64();
}
