using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

/// <summary><c>If-Match</c> on <c>PATCH /cases/{id}</c>.</summary>
public sealed class UpdateCaseVersionTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task The_tag_that_was_read_permits_the_change()
    {
        var (id, tag) = await Open();

        var answer = await caraway.Patch($"/cases/{id}", """{"assignee":"Bo"}""", ("If-Match", tag));

        Assert.Equal(200, answer.Status);
        Assert.NotEqual(tag, answer.Headers["ETag"]);
        Assert.Equal((await caraway.Get($"/cases/{id}")).Headers["ETag"], answer.Headers["ETag"]);
    }

    [Fact]
    public async Task The_answers_tag_permits_the_next_change()
    {
        var (id, tag) = await Open();

        foreach (var status in new[] { "IN_REVIEW", "SUBMITTED", "APPROVED", "CLOSED" })
        {
            var answer = await caraway.Patch($"/cases/{id}", $$"""{"status":"{{status}}"}""", ("If-Match", tag));
            Assert.Equal(200, answer.Status);
            tag = answer.Headers["ETag"];
        }
    }

    [Fact]
    public async Task A_stale_tag_is_412_and_writes_nothing()
    {
        var (id, tag) = await Open();
        await caraway.Patch($"/cases/{id}", """{"assignee":"Bo"}""");

        foreach (var body in new[] { """{"status":"IN_REVIEW"}""", """{"assignee":"Cy"}""", """{"status":"APPROVED"}""" })
        {
            var answer = await caraway.WritesNothing(() => caraway.Patch($"/cases/{id}", body, ("If-Match", tag)));
            answer.IsProblem(412, "stale_version");
        }
    }

    [Fact]
    public async Task A_note_changes_the_tag_but_does_not_refuse_a_colleagues_transition()
    {
        var (id, tag) = await Open();
        await caraway.Post($"/cases/{id}/notes", """{"author":"Bo","body":"Called."}""");
        Assert.NotEqual(tag, (await caraway.Get($"/cases/{id}")).Headers["ETag"]);

        var answer = await caraway.Patch($"/cases/{id}", """{"status":"IN_REVIEW"}""", ("If-Match", tag));

        Assert.Equal(200, answer.Status);
        Assert.Equal((await caraway.Get($"/cases/{id}")).Headers["ETag"], answer.Headers["ETag"]);
    }

    [Fact]
    public async Task One_matching_tag_among_several_is_enough()
    {
        var (id, tag) = await Open();

        var answer = await caraway.Patch($"/cases/{id}", """{"status":"IN_REVIEW"}""", ("If-Match", $"\"v77-n1\", {tag}, \"else\""));

        Assert.Equal(200, answer.Status);
    }

    [Fact]
    public async Task A_star_matches_every_existing_case_and_no_other()
    {
        var (id, _) = await Open();

        Assert.Equal(200, (await caraway.Patch($"/cases/{id}", """{"status":"IN_REVIEW"}""", ("If-Match", "*"))).Status);
        Assert.Contains(
            (await caraway.Patch("/cases/999999999", """{"status":"IN_REVIEW"}""", ("If-Match", "*"))).Status, new[] { 404, 412 });
    }

    [Theory]
    [InlineData("\"v2\"")]
    [InlineData("\"v0\"")]
    [InlineData("\"v-1\"")]
    [InlineData("\"v99999999999999999999999\"")]
    [InlineData("\"1\"")]
    [InlineData("\"V1-n0\"")]
    [InlineData("\"\"")]
    [InlineData("W/\"v1-n0\"")]
    [InlineData("v1-n0")]
    [InlineData("nonsense, \"")]
    public async Task A_tag_that_is_not_the_cases_own_matches_nothing(string tag)
    {
        var (id, _) = await Open();

        var answer = await caraway.WritesNothing(() => caraway.Patch($"/cases/{id}", """{"status":"IN_REVIEW"}""", ("If-Match", tag)));

        answer.IsProblem(412, "stale_version");
    }

    [Fact]
    public async Task A_matching_tag_does_not_make_an_illegal_transition_legal()
    {
        var (id, tag) = await Open();

        var answer = await caraway.WritesNothing(() => caraway.Patch($"/cases/{id}", """{"status":"APPROVED"}""", ("If-Match", tag)));

        answer.IsProblem(409, "invalid_transition");
    }

    [Fact]
    public async Task A_request_without_a_change_still_honours_the_tag()
    {
        var (id, tag) = await Open();
        Assert.Equal(200, (await caraway.WritesNothing(() => caraway.Patch($"/cases/{id}", "{}", ("If-Match", tag)))).Status);
        await caraway.Transition(id, "IN_REVIEW");

        var answer = await caraway.WritesNothing(() => caraway.Patch($"/cases/{id}", """{"status":"IN_REVIEW"}""", ("If-Match", tag)));

        answer.IsProblem(412, "stale_version");
    }

    private async Task<(long Id, string Tag)> Open()
    {
        var id = await caraway.OpenCase();
        return (id, (await caraway.Get($"/cases/{id}")).Headers["ETag"]);
    }
}
