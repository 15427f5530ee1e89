using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

/// <summary><c>PUT</c> and <c>DELETE /cases/{id}/patient</c>. PatientLinkTests shows what patients then see.</summary>
public sealed class LinkPatientTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_case_is_linked_to_a_patient_and_a_repetition_changes_nothing()
    {
        var (id, patient) = (await caraway.OpenCase(), await caraway.Person());

        var answer = await Link(id, patient.UserId);
        var again = await caraway.WritesNothing(() => Link(id, patient.UserId));

        Shape.Is($$"""{"case_id":{{id}},"patient_id":{{patient.UserId}}}""", answer);
        Assert.Equal((200, answer.Body), (again.Status, again.Body));
        Assert.Equal(("\"v2-n0\"", "\"v2-n0\""), (answer.Headers["ETag"], again.Headers["ETag"]));
        Assert.Equal("\"v2-n0\"", (await caraway.Get($"/cases/{id}")).Headers["ETag"]);
        await caraway.WroteEvent(
            answer, id, "case.patient_linked", $$"""{"case_id":{{id}},"patient_id":{{patient.UserId}}}""");
    }

    [Fact]
    public async Task Another_patient_replaces_the_one_before()
    {
        var (one, other) = (await caraway.Person(), await caraway.Person());
        var id = await OpenCaseOf(one);

        var answer = await Link(id, other.UserId);

        await caraway.WroteEvents(
            answer, id, null,
            ("case.patient_unlinked", $$"""{"case_id":{{id}},"patient_id":{{one.UserId}}}"""),
            ("case.patient_linked", $$"""{"case_id":{{id}},"patient_id":{{other.UserId}}}"""));
        Assert.Equal(other.UserId, await PatientOf(id));
        var read = await caraway.Get($"/cases/{id}");
        var access = Assert.Single((await caraway.Accesses(read)).EnumerateArray());
        Shape.Is($"[{other.UserId}]", access.GetProperty("patient_ids").GetRawText());
    }

    [Fact]
    public async Task A_link_ends_once()
    {
        var patient = await caraway.Person();
        var id = await OpenCaseOf(patient);

        var answer = await Unlink(id);

        Assert.Equal((204, ""), (answer.Status, answer.Body));
        await caraway.WroteEvent(
            answer, id, "case.patient_unlinked", $$"""{"case_id":{{id}},"patient_id":{{patient.UserId}}}""");
        Assert.Null(await PatientOf(id));
        (await caraway.WritesNothing(() => Unlink(id))).IsProblem(404, "patient_link_not_found");
        Assert.Equal(2, await caraway.Version(id));
    }

    [Fact]
    public async Task Only_a_patient_can_be_linked()
    {
        var (id, doctor) = (await caraway.OpenCase(), await caraway.Person("doctor"));

        foreach (var other in new[] { $"{doctor.UserId}", "999999999", "0", "-1", "null", "\"x\"", "1.5" })
        {
            var refused = await caraway.WritesNothing(
                () => caraway.Send(HttpMethod.Put, $"/cases/{id}/patient", $$"""{"patient_id":{{other}}}"""));
            Assert.Equal(["#/patient_id"], refused.IsProblem(422, "invalid").Pointers);
        }

        Assert.Equal(
            ["#/patient_id"],
            (await caraway.Send(HttpMethod.Put, $"/cases/{id}/patient", "{}")).IsProblem(422, "invalid").Pointers);
    }

    [Theory, MemberData(nameof(Records.ForeignIds), MemberType = typeof(Records))]
    public async Task An_id_that_no_case_has_is_404(string id)
    {
        var patient = await caraway.Person();

        var body = $$"""{"patient_id":{{patient.UserId}}}""";
        (await caraway.WritesNothing(() => caraway.Send(HttpMethod.Put, $"/cases/{id}/patient", body))).IsProblem(404, "case_not_found");
        (await caraway.WritesNothing(() => caraway.Send(HttpMethod.Delete, $"/cases/{id}/patient"))).IsProblem(404, "case_not_found");
    }

    [Fact]
    public async Task A_stale_tag_is_412()
    {
        var patient = await caraway.Person();
        var id = await caraway.OpenCase();
        var tag = (await caraway.Get($"/cases/{id}")).Headers["ETag"];
        await caraway.Transition(id, "CLOSED");

        (await caraway.WritesNothing(() => Link(id, patient.UserId, ("If-Match", tag)))).IsProblem(412, "stale_version");
        var linked = await Link(id, patient.UserId, ("If-Match", "\"v2\""));
        Assert.Equal(200, linked.Status);
        (await caraway.WritesNothing(() => Link(id, patient.UserId, ("If-Match", tag)))).IsProblem(412, "stale_version");
        (await caraway.WritesNothing(() => Unlink(id, ("If-Match", tag)))).IsProblem(412, "stale_version");
        Assert.Equal(204, (await Unlink(id, ("If-Match", linked.Headers["ETag"]))).Status);
    }

    [Fact]
    public async Task Who_may_not_change_cases_links_none()
    {
        var (id, patient) = (await caraway.OpenCase(), await caraway.Person());
        foreach (var role in new[] { "patient", "doctor", "adjudicator", "agent", "auditor" })
        {
            var person = await caraway.Person(role);
            var body = $$"""{"patient_id":{{patient.UserId}}}""";
            (await caraway.As(person, HttpMethod.Put, $"/cases/{id}/patient", body)).IsProblem(403, "not_permitted");
            (await caraway.As(person, HttpMethod.Delete, $"/cases/{id}/patient")).IsProblem(403, "not_permitted");
        }
    }

    [Fact]
    public async Task Concurrent_links_and_ends_leave_one_chain_of_events()
    {
        var patients = new List<Accounts.SignedIn>();
        for (var n = 0; n < 4; n++)
            patients.Add(await caraway.Person());
        for (var round = 0; round < 5; round++)
        {
            var id = await caraway.OpenCase();

            var answers = await Task.WhenAll(
                Enumerable.Range(0, 15).Select(n => n % 5 == 4 ? Unlink(id) : Link(id, patients[(n + round) % 4].UserId)));

            Assert.All(answers, answer => Assert.Contains(answer.Status, new[] { 200, 204, 404 }));
            // Each link begins after the one before has ended.
            var events = await caraway.Database.Scalar<string>($"""
                select string_agg(name || ' ' || (payload::json ->> 'patient_id'), ',' order by id)
                from platform.events where subject = 'advocacy.case:{id}' and name like 'case.patient%'
                """);
            var current = "";
            foreach (var words in events!.Split(',').Select(text => text.Split(' ')))
            {
                Assert.Equal(words[0] == "case.patient_linked" ? "" : words[1], current);
                current = words[0] == "case.patient_linked" ? words[1] : "";
            }

            Assert.Equal(current, $"{await PatientOf(id)}");
        }
    }

    private Task<Answer> Link(long id, long patient, params (string, string)[] headers) =>
        caraway.Send(HttpMethod.Put, $"/cases/{id}/patient", $$"""{"patient_id":{{patient}}}""", headers);

    private Task<Answer> Unlink(long id, params (string, string)[] headers) =>
        caraway.Send(HttpMethod.Delete, $"/cases/{id}/patient", null, headers);

    private async Task<long> OpenCaseOf(Accounts.SignedIn patient)
    {
        var opened = await caraway.Post("/intakes", $$"""{"full_name":"Pat","narrative":"n","patient_id":{{patient.UserId}}}""");
        Assert.Equal(201, opened.Status);
        return opened.Json.GetProperty("case_id").GetInt64();
    }

    private Task<long?> PatientOf(long id) => caraway.Database.Scalar<long?>($"select patient_id from advocacy.cases where id = {id}");
}
