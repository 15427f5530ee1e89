using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

/// <summary><c>PATCH /cases/{id}/applicant</c>.</summary>
public sealed class CorrectApplicantTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_correction_changes_the_given_fields_and_raises_the_cases_version()
    {
        var (id, applicant) = await Open();

        var answer = await Correct(id, """{"full_name":"Ada King","email":"ada@New.Example.ORG"}""");

        Shape.Is(
            $$"""{"id":{{applicant}},"full_name":"Ada King","email":"ada@new.example.org","phone":"12 34","created_at":"(time)"}""",
            answer);
        var read = await caraway.Get($"/cases/{id}");
        Assert.Equal(answer.Body, read.Json.GetProperty("applicant").GetRawText());
        Assert.Equal(("\"v2-n0\"", "\"v2-n0\""), (answer.Headers["ETag"], read.Headers["ETag"]));
        Assert.Equal("Ada King", await NameInList(id));
        await caraway.WroteEvent(
            answer, id, "case.applicant_corrected",
            $$"""{"case_id":{{id}},"applicant_id":{{applicant}},"fields":["full_name","email"]}""");
    }

    [Theory]
    [InlineData("""{"full_name":"Bea"}""", "full_name")]
    [InlineData("""{"email":"bea@example.org"}""", "email")]
    [InlineData("""{"phone":"99"}""", "phone")]
    [InlineData("""{"full_name":"Ada Lovelace","phone":"99"}""", "phone")]
    [InlineData("""{"email":"","phone":""}""", "email,phone")]
    public async Task The_event_says_which_fields_changed_and_not_what_they_were(string body, string fields)
    {
        var (id, applicant) = await Open();

        var answer = await Correct(id, body);

        Assert.Equal(200, answer.Status);
        var names = string.Join(',', fields.Split(',').Select(CarawayFixture.Quote));
        await caraway.WroteEvent(
            answer, id, "case.applicant_corrected", $$"""{"case_id":{{id}},"applicant_id":{{applicant}},"fields":[{{names}}]}""");
    }

    [Fact]
    public async Task Empty_texts_remove_address_and_phone()
    {
        var (id, applicant) = await Open();

        var answer = await Correct(id, """{"email":"","phone":""}""");

        Shape.Is(
            $$"""{"id":{{applicant}},"full_name":"Ada Lovelace","email":null,"phone":null,"created_at":"(time)"}""", answer);
        Assert.Equal(200, (await caraway.WritesNothing(() => Correct(id, """{"email":"","phone":""}"""))).Status);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"full_name":null,"email":null,"phone":null}""")]
    [InlineData("""{"full_name":"Ada Lovelace","email":"ada@EXAMPLE.org","phone":"12 34"}""")]
    public async Task A_request_without_a_change_writes_nothing(string body)
    {
        var (id, _) = await Open();

        var answer = await caraway.WritesNothing(() => Correct(id, body));

        Assert.Equal((200, "\"v1-n0\""), (answer.Status, answer.Headers["ETag"]));
    }

    [Theory]
    [InlineData("full_name", "\"\"")]
    [InlineData("full_name", "\" \"")]
    [InlineData("full_name", "7")]
    [InlineData("email", "\"nobody\"")]
    [InlineData("email", "\" \"")]
    [InlineData("phone", "\" \"")]
    [InlineData("phone", "\"012345678901234567890123456789012345678901234567890\"")]
    public async Task A_value_that_an_applicant_cannot_have_is_refused_at_its_place(string field, string value)
    {
        var (id, _) = await Open();

        var answer = await caraway.WritesNothing(() => Correct(id, $$"""{"{{field}}":{{value}}}"""));

        Assert.Equal(["#/" + field], answer.IsProblem(422, "invalid").Pointers);
    }

    [Theory, MemberData(nameof(Records.ForeignIds), MemberType = typeof(Records))]
    public async Task An_id_that_no_case_has_is_404(string id) =>
        (await caraway.WritesNothing(() => caraway.Patch($"/cases/{id}/applicant", """{"full_name":"X"}""")))
            .IsProblem(404, "case_not_found");

    [Fact]
    public async Task A_closed_case_can_be_corrected()
    {
        var (id, _) = await Open();
        await caraway.Transition(id, "CLOSED");

        Assert.Equal("Bea", (await Correct(id, """{"full_name":"Bea"}""")).Json.GetProperty("full_name").GetString());
    }

    [Fact]
    public async Task A_stale_tag_is_412_also_when_nothing_would_change()
    {
        var (id, _) = await Open();
        var tag = (await caraway.Get($"/cases/{id}")).Headers["ETag"];
        var first = await Correct(id, """{"full_name":"Bea"}""", ("If-Match", tag));
        Assert.Equal(200, first.Status);

        foreach (var body in new[] { """{"full_name":"Cy"}""", """{"full_name":"Bea"}""", "{}" })
            (await caraway.WritesNothing(() => Correct(id, body, ("If-Match", tag)))).IsProblem(412, "stale_version");
        Assert.Equal(200, (await Correct(id, """{"full_name":"Cy"}""", ("If-Match", first.Headers["ETag"]))).Status);
        (await caraway.Patch($"/cases/{id}", """{"status":"IN_REVIEW"}""", ("If-Match", tag))).IsProblem(412, "stale_version");
    }

    [Fact]
    public async Task Concurrent_corrections_of_different_fields_all_stay()
    {
        for (var round = 0; round < 5; round++)
        {
            var (id, _) = await Open();
            string[] bodies =
            [
                """{"full_name":"Bea"}""", """{"email":"bea@example.org"}""", """{"phone":"99"}""", """{"assignee":"Bo"}""",
                """{"full_name":"Bea"}""", """{"email":"bea@example.org"}""", """{"phone":"99"}""", """{"status":"CLOSED"}""",
            ];

            var answers = await Task.WhenAll(bodies.Select((body, n) =>
                n % 4 == 3 ? caraway.Patch($"/cases/{id}", body) : Correct(id, body)));

            Assert.All(answers, answer => Assert.Equal(200, answer.Status));
            var read = await caraway.Get($"/cases/{id}");
            var applicant = read.Json.GetProperty("applicant");
            Assert.Equal(
                ("Bea", "bea@example.org", "99"),
                (applicant.GetProperty("full_name").GetString(), applicant.GetProperty("email").GetString(),
                    applicant.GetProperty("phone").GetString()));
            // Three corrections, one assignment, one transition.
            Assert.Equal("\"v6-n0\"", read.Headers["ETag"]);
            Assert.Equal(3, await caraway.Database.Scalar<long>($"""
                select count(*) from platform.events where subject = 'advocacy.case:{id}' and name = 'case.applicant_corrected'
                """));
        }
    }

    [Fact]
    public async Task The_answer_is_an_access_to_the_patients_case()
    {
        var patient = await caraway.Person();
        var opened = await caraway.Post("/intakes", $$"""{"full_name":"Pat","narrative":"n","patient_id":{{patient.UserId}}}""");
        var id = opened.Json.GetProperty("case_id").GetInt64();

        var corrected = await Correct(id, """{"phone":"1"}""", ("X-Access-Reason", "a call"));
        var unknown = await caraway.Patch("/cases/999999999/applicant", """{"phone":"1"}""");

        Shape.Is(
            $$"""
            [{"actor":"apikey:environment","request_id":"{{corrected.Headers["X-Request-Id"]}}","address":"127.0.0.1",
              "action":"PATCH /cases/{id}/applicant","reason":"a call","kind":"advocacy.case","ids":[{{id}}],
              "patient_ids":[{{patient.UserId}}]}]
            """,
            (await caraway.Accesses(corrected, unknown)).GetRawText());
    }

    [Fact]
    public async Task An_access_that_cannot_be_recorded_changes_nothing()
    {
        var (id, _) = await Open();

        var refused = await caraway.WritesNothing(
            () => Correct(id, """{"phone":"1"}""", ("X-Access-Reason", new string('x', 1000))));

        Assert.Equal(["#/X-Access-Reason"], refused.IsProblem(422, "invalid").Pointers);
    }

    private async Task<(long Id, long Applicant)> Open()
    {
        var opened = await caraway.Post(
            "/intakes", """{"full_name":"Ada Lovelace","email":"ada@example.org","phone":"12 34","narrative":"My plan denied it."}""");
        Assert.Equal(201, opened.Status);
        var id = opened.Json.GetProperty("case_id").GetInt64();
        return (id, (await caraway.Get($"/cases/{id}")).Json.GetProperty("applicant").GetProperty("id").GetInt64());
    }

    private Task<Answer> Correct(long id, string body, params (string, string)[] headers) =>
        caraway.Patch($"/cases/{id}/applicant", body, headers);

    private async Task<string?> NameInList(long id) =>
        (await caraway.Get("/cases?limit=100")).Json.GetProperty("items").EnumerateArray()
            .Single(item => item.GetProperty("case_id").GetInt64() == id).GetProperty("applicant_name").GetString();
}
