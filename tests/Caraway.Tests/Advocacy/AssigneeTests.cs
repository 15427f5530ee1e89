using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

/// <summary><c>assignee_id</c> of <c>PATCH /cases/{id}</c>: a case is assigned to a user.</summary>
public sealed class AssigneeTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Theory]
    [InlineData("doctor")]
    [InlineData("admin")]
    [InlineData("caseworker")]
    [InlineData("adjudicator")]
    [InlineData("agent")]
    [InlineData("auditor")]
    public async Task A_case_is_assigned_to_any_member_of_staff_and_shows_the_name(string role)
    {
        var (id, ines) = (await caraway.OpenCase(), await caraway.Person(role, "Ines Holm"));

        var answer = await Assign(id, ines.UserId);

        Shape.Is($$"""{"case_id":{{id}},"previous_status":"NEW","status":"NEW","assignee":"Ines Holm"}""", answer);
        Assert.Equal("\"v2-n0\"", answer.Headers["ETag"]);
        Assert.Equal(ines.UserId, await AssigneeId(id));
        Assert.Equal("Ines Holm", (await caraway.Get($"/cases/{id}")).Json.GetProperty("assignee").GetString());
        await caraway.WroteEvent(
            answer, id, "case.assigned",
            $$"""
            {"case_id":{{id}},"from_assignee":null,"to_assignee":"Ines Holm","assignee_id":{{ines.UserId}},"reason":null}
            """);
        Assert.Equal(200, (await caraway.WritesNothing(() => Assign(id, ines.UserId))).Status);
    }

    [Fact]
    public async Task Only_an_active_member_of_staff_can_be_the_assignee()
    {
        var id = await caraway.OpenCase();
        var (patient, gone) = (await caraway.Person(), await caraway.Person("caseworker"));
        await caraway.Database.Execute($"update identity.users set is_active = false where id = {gone.UserId}");

        foreach (var other in new[] { patient.UserId, gone.UserId, 999_999_999, 0, -1 })
        {
            var refused = await caraway.WritesNothing(
                () => caraway.Patch($"/cases/{id}", $$"""{"status":"IN_REVIEW","assignee_id":{{other}}}"""));
            Assert.Equal(["#/assignee_id"], refused.IsProblem(422, "invalid").Pointers);
        }
    }

    [Theory]
    [InlineData("\"Ines\"")]
    [InlineData("\"\"")]
    public async Task A_text_and_an_id_together_are_refused(string assignee)
    {
        var (id, ines) = (await caraway.OpenCase(), await caraway.Person("caseworker"));

        var refused = await caraway.WritesNothing(
            () => caraway.Patch($"/cases/{id}", $$"""{"assignee":{{assignee}},"assignee_id":{{ines.UserId}}}"""));

        Assert.Equal(["#/assignee_id"], refused.IsProblem(422, "invalid").Pointers);
    }

    [Theory]
    [InlineData("\"desk 3\"", "desk 3")]
    [InlineData("\"\"", null)]
    public async Task Another_text_ends_the_assignment_to_the_user(string text, string? shown)
    {
        var (id, ines) = (await caraway.OpenCase(), await caraway.Person("caseworker", "Ines Holm"));
        await Assign(id, ines.UserId);

        var answer = await caraway.Patch($"/cases/{id}", $$"""{"assignee":{{text}}}""");

        Assert.Equal((200, shown), (answer.Status, answer.Json.GetProperty("assignee").GetString()));
        Assert.Null(await AssigneeId(id));
        var to = shown is null ? "null" : CarawayFixture.Quote(shown);
        await caraway.WroteEvent(
            answer, id, "case.assigned", $$"""{"case_id":{{id}},"from_assignee":"Ines Holm","to_assignee":{{to}},"reason":null}""");
    }

    [Fact]
    public async Task The_same_text_and_a_transition_keep_the_user()
    {
        var (id, ines) = (await caraway.OpenCase(), await caraway.Person("caseworker", "Ines Holm"));
        await Assign(id, ines.UserId);

        Assert.Equal(200, (await caraway.WritesNothing(() => caraway.Patch($"/cases/{id}", """{"assignee":"Ines Holm"}"""))).Status);
        await caraway.Transition(id, "IN_REVIEW");
        Assert.Equal(200, (await caraway.Patch($"/cases/{id}", """{"assignee":"Ines Holm","status":"SUBMITTED"}""")).Status);

        Assert.Equal(ines.UserId, await AssigneeId(id));
    }

    [Fact]
    public async Task A_namesake_and_a_new_name_are_changes()
    {
        var id = await caraway.OpenCase();
        var (one, other) = (await caraway.Person("caseworker", "Ines Holm"), await caraway.Person("doctor", "Ines Holm"));
        await caraway.Patch($"/cases/{id}", """{"assignee":"Ines Holm"}""");

        var versions = new List<string>();
        foreach (var user in new[] { one, other })
            versions.Add((await Assign(id, user.UserId)).Headers["ETag"]);
        await caraway.Database.Execute($"update identity.users set full_name = 'Ines Lund' where id = {other.UserId}");
        var renamed = await Assign(id, other.UserId);

        Assert.Equal(["\"v3-n0\"", "\"v4-n0\""], versions);
        Assert.Equal(("\"v5-n0\"", "Ines Lund"), (renamed.Headers["ETag"], renamed.Json.GetProperty("assignee").GetString()));
        Assert.Equal(other.UserId, await AssigneeId(id));
        Assert.Equal(4, await caraway.Database.Scalar<long>(
            $"select count(*) from platform.events where subject = 'advocacy.case:{id}' and name = 'case.assigned'"));
    }

    [Fact]
    public async Task A_doctorname_is_cut_to_the_length_of_an_assignee()
    {
        var (id, doctor) = (await caraway.OpenCase(), await caraway.Person("doctor", string.Concat(Enumerable.Repeat("😀", 255))));

        Assert.Equal(200, (await Assign(id, doctor.UserId)).Status);

        Assert.Equal(120, await caraway.Database.Scalar<int>($"select char_length(assignee) from advocacy.cases where id = {id}"));
        Assert.Equal(200, (await caraway.WritesNothing(() => Assign(id, doctor.UserId))).Status);
    }

    [Fact]
    public async Task A_transition_and_an_assignment_are_one_change()
    {
        var (id, ines) = (await caraway.OpenCase(), await caraway.Person("caseworker", "Ines Holm"));

        var answer = await caraway.Patch(
            $"/cases/{id}", $$"""{"status":"IN_REVIEW","assignee_id":"{{ines.UserId}}","actor":"Anna","reason":"why"}""");

        Shape.Is($$"""{"case_id":{{id}},"previous_status":"NEW","status":"IN_REVIEW","assignee":"Ines Holm"}""", answer);
        await caraway.WroteEvents(
            answer, id, "Anna",
            ("case.moved", $$"""{"case_id":{{id}},"from_status":"NEW","to_status":"IN_REVIEW","reason":"why"}"""),
            ("case.assigned", $$"""
                {"case_id":{{id}},"from_assignee":null,"to_assignee":"Ines Holm","assignee_id":{{ines.UserId}},"reason":"why"}
                """));
        Assert.Equal([(null, "NEW"), ("NEW", "IN_REVIEW")], await caraway.Transitions(id));
    }

    [Fact]
    public async Task A_refused_transition_a_stale_tag_and_an_unknown_case_assign_nothing()
    {
        var (id, ines) = (await caraway.OpenCase(), await caraway.Person("caseworker"));
        var body = $$"""{"status":"APPROVED","assignee_id":{{ines.UserId}}}""";

        (await caraway.WritesNothing(() => caraway.Patch($"/cases/{id}", body))).IsProblem(409, "invalid_transition");
        (await caraway.WritesNothing(() => Assign(id, ines.UserId, ("If-Match", "\"v9\"")))).IsProblem(412, "stale_version");
        (await caraway.WritesNothing(() => Assign(999_999_999, ines.UserId))).IsProblem(404, "case_not_found");
    }

    [Fact]
    public async Task Concurrent_assignments_leave_a_name_and_its_id()
    {
        var users = new List<Accounts.SignedIn>();
        for (var n = 0; n < 4; n++)
            users.Add(await caraway.Person("caseworker", $"Worker {n}"));
        for (var round = 0; round < 5; round++)
        {
            var id = await caraway.OpenCase();

            var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(n => n % 3 == 2
                ? caraway.Patch($"/cases/{id}", $$"""{"assignee":"desk {{n}}"}""")
                : Assign(id, users[n % 4].UserId)));

            Assert.All(answers, answer => Assert.Equal(200, answer.Status));
            Assert.True(await caraway.Database.Scalar<bool>($"""
                select case when c.assignee_id is null then c.assignee like 'desk %' else c.assignee = u.full_name end
                from advocacy.cases c left join identity.users u on u.id = c.assignee_id where c.id = {id}
                """));
        }
    }

    private Task<Answer> Assign(long id, long user, params (string, string)[] headers) =>
        caraway.Patch($"/cases/{id}", $$"""{"assignee_id":{{user}}}""", headers);

    private Task<long?> AssigneeId(long id) =>
        caraway.Database.Scalar<long?>($"select assignee_id from advocacy.cases where id = {id}");
}
