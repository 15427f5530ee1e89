using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using static Caraway.Tests.Support.SupportDesk;

namespace Caraway.Tests.Support;

/// <summary>Who may see and change which case.</summary>
public sealed class SupportAccessTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Theory]
    [InlineData("GET", Cases)]
    [InlineData("POST", Cases)]
    [InlineData("GET", Cases + "/case_000000000000")]
    [InlineData("GET", "/api/v1/case-templates")]
    public async Task A_caller_without_any_credential_hears_of_the_user_id(string method, string path)
    {
        var answer = await caraway.Anonymously(new HttpMethod(method), path, method == "POST" ? "{}" : null);

        Assert.Equal("User ID header (X-User-ID) is required", answer.IsProblem(401, "user_id_required").Detail);
    }

    [Fact]
    public async Task The_header_of_nobody_trusted_counts_for_nothing()
    {
        var answer = await caraway.Anonymously(HttpMethod.Get, Cases, null, ("X-User-ID", "anna"), ("X-Gateway-Secret", "guess"));

        answer.IsProblem(401, "user_id_required");
    }

    [Theory]
    [InlineData("user:5")]
    [InlineData("Gateway:anna")]
    [InlineData("")]
    [InlineData("a b")]
    public async Task An_id_that_no_user_can_have_is_refused_with_a_sentence_about_it(string id)
    {
        var answer = await caraway.Get(Gateway(id), Cases);

        Assert.Contains("X-User-ID", answer.IsProblem(401, "invalid_user_id").Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_roles_that_a_gateway_names_give_nothing()
    {
        var (anna, mallory) = (NewUser(), NewUser("mallory"));
        var id = await caraway.OpenedId(anna);
        var admin = Gateway(mallory.UserId, "admin,agent");

        (await caraway.Get(admin, $"{Cases}/{id}")).IsProblem(404, "case_not_found");
        (await caraway.Put(admin, $"{Cases}/{id}", """{"title":"Mine"}""")).IsProblem(404, "case_not_found");
        (await caraway.Delete(admin, $"{Cases}/{id}")).IsProblem(404, "case_not_found");
        Assert.Empty((await caraway.Get(admin, Cases)).Ids());
        (await caraway.Get(admin, "/api/v1/users")).IsProblem(403, "not_permitted");
    }

    [Fact]
    public async Task A_bearer_token_wins_over_the_gateways_header()
    {
        var user = await caraway.SignedIn("patient");
        var both = new Person(user.UserId, [.. user.Headers, .. NewUser().Headers]);

        Assert.Equal(user.UserId, (await caraway.Opened(both)).Text("user_id"));
    }

    [Theory]
    [InlineData("patient")]
    [InlineData("doctor")]
    [InlineData("caseworker")]
    [InlineData("adjudicator")]
    public async Task A_user_opens_cases_and_sees_only_the_own_ones(string role)
    {
        var (user, anna) = (await caraway.SignedIn(role), NewUser());
        var (own, other) = (await caraway.OpenedId(user), await caraway.OpenedId(anna));

        Assert.Equal([own], (await caraway.Get(user, Cases)).Ids());
        await IsHidden(user, other);
    }

    [Fact]
    public async Task An_agent_sees_and_works_on_every_case_but_neither_shares_nor_deletes_it()
    {
        var (agent, anna) = (await caraway.SignedIn("agent"), NewUser());
        var id = await caraway.OpenedId(anna);

        Assert.Equal(200, (await caraway.Get(agent, $"{Cases}/{id}")).Status);
        Assert.Contains(id, (await caraway.Get(agent, Cases)).Ids());
        Assert.Equal(200, (await caraway.Move(agent, id, "investigating")).Status);
        Assert.Equal(200, (await caraway.Put(agent, $"{Cases}/{id}", """{"severity":"high"}""")).Status);
        (await caraway.Delete(agent, $"{Cases}/{id}")).IsProblem(403, "not_permitted");
        (await caraway.Share(agent, id, NewUser())).IsProblem(403, "not_permitted");
    }

    [Fact]
    public async Task An_administrator_acts_as_every_owner()
    {
        var (admin, anna, ben) = (await caraway.SignedIn("admin"), NewUser(), NewUser("ben"));
        var id = await caraway.OpenedId(anna);

        Assert.Equal(200, (await caraway.Share(admin, id, ben)).Status);
        Assert.Equal(200, (await caraway.Get(ben, $"{Cases}/{id}")).Status);
        Assert.Equal(204, (await caraway.Delete(admin, $"{Cases}/{id}/shares/{ben.UserId}")).Status);
        Assert.Equal(204, (await caraway.Delete(admin, $"{Cases}/{id}")).Status);
    }

    [Fact]
    public async Task An_auditor_reads_every_case_and_changes_nothing()
    {
        var (auditor, anna) = (await caraway.SignedIn("auditor"), NewUser());
        var id = await caraway.OpenedId(anna);

        Assert.Equal(200, (await caraway.Get(auditor, $"{Cases}/{id}")).Status);
        (await caraway.Post(auditor, Cases, "{}")).IsProblem(403, "not_permitted");
        (await caraway.Move(auditor, id, "closed")).IsProblem(403, "not_permitted");
    }

    [Fact]
    public async Task A_viewer_reads_and_an_editor_also_changes_a_shared_case()
    {
        var (anna, viewer, editor) = (NewUser(), NewUser("viewer"), await caraway.SignedIn("doctor"));
        var id = await caraway.OpenedId(anna);
        var path = $"{Cases}/{id}";
        await IsHidden(viewer, id);

        Assert.Equal(200, (await caraway.Share(anna, id, viewer)).Status);
        Assert.Equal(200, (await caraway.Share(anna, id, editor, "edit")).Status);

        Assert.Equal([id], (await caraway.Get(viewer, Cases)).Ids());
        Assert.Equal([id], (await caraway.Get(viewer, Cases + "?cursor=")).Ids());
        Assert.Equal(anna.UserId, (await caraway.Get(viewer, path)).Json.Text("user_id"));
        foreach (var answer in new[] { await caraway.Put(viewer, path, """{"title":"New"}"""), await caraway.Move(viewer, id, "closed") })
            answer.IsProblem(403, "not_permitted");
        Assert.Equal(200, (await caraway.Put(editor, path, """{"title":"New"}""")).Status);
        Assert.Equal(200, (await caraway.Move(editor, id, "investigating")).Status);
        foreach (var reader in new[] { viewer, editor })
        {
            (await caraway.Delete(reader, path)).IsProblem(403, "not_permitted");
            (await caraway.Share(reader, id, NewUser())).IsProblem(403, "not_permitted");
            (await caraway.Delete(reader, $"{path}/shares/{viewer.UserId}")).IsProblem(403, "not_permitted");
        }

        Assert.Equal(200, (await caraway.Share(anna, id, editor, "view")).Status);
        (await caraway.Put(editor, path, """{"title":"Again"}""")).IsProblem(403, "not_permitted");
        Assert.Equal(204, (await caraway.Delete(anna, $"{path}/shares/{editor.UserId}")).Status);
        await IsHidden(editor, id);
        Assert.Empty((await caraway.Get(editor, Cases)).Ids());
    }

    [Fact]
    public async Task Shares_are_shown_to_the_owner_whole_and_to_a_reader_the_own_one()
    {
        var (anna, ben, carl) = (NewUser(), NewUser("ben"), NewUser("carl"));
        var id = await caraway.OpenedId(anna);
        var share = await caraway.Share(anna, id, ben, "edit");
        await caraway.Share(anna, id, carl);

        Assert.Equal((id, ben.UserId, "edit", anna.UserId), (
            share.Json.Text("case_id"), share.Json.Text("user_id"), share.Json.Text("access"), share.Json.Text("shared_by")));
        Assert.Equal(share.Body, (await caraway.WritesNothing(() => caraway.Share(anna, id, ben, "edit"))).Body);
        Assert.Equal([ben.UserId, carl.UserId], await Readers(anna, id));
        Assert.Equal([carl.UserId], await Readers(carl, id));
        Assert.Equal(share.Body, (await caraway.Get(anna, $"{Cases}/{id}/shares/{ben.UserId}")).Body);
        (await caraway.Get(carl, $"{Cases}/{id}/shares/{ben.UserId}")).IsProblem(404, "share_not_found");
        (await caraway.Delete(anna, $"{Cases}/{id}/shares/{NewUser().UserId}")).IsProblem(404, "share_not_found");
        (await caraway.Get(NewUser(), $"{Cases}/{id}/shares")).IsProblem(404, "case_not_found");
        Assert.Equal("support_case.opened support_case.shared support_case.shared", await caraway.EventsOf(id));
    }

    [Fact]
    public async Task Only_users_who_exist_and_are_not_the_owner_get_a_share()
    {
        var anna = NewUser();
        var id = await caraway.OpenedId(anna);
        var gone = await caraway.SignedIn("patient");
        await caraway.Database.Execute($"update identity.users set is_active = false where id = {gone.UserId[5..]}");
        string[] users =
        [
            anna.UserId, "user:999999", gone.UserId, "user:x", "user:01", "user:", "user:-1", "User:1", "apikey:x", "apikey:",
            "gateway:ben", "a%20b", new string('x', 101),
        ];

        foreach (var user in users)
        {
            var answer = await caraway.Put(anna, $"{Cases}/{id}/shares/{user}", """{"access":"view"}""");
            Assert.Equal(["#/user_id"], answer.IsProblem(422, "invalid").Pointers);
        }

        Assert.Equal(
            ["#/access"], (await caraway.Put(anna, $"{Cases}/{id}/shares/ben", """{"access":"own"}""")).IsProblem(422, "invalid").Pointers);
    }

    [Fact]
    public async Task A_user_of_the_gateway_may_have_a_slash_in_the_id()
    {
        var (anna, ben) = (NewUser(), Gateway($"tenant/{NewUser().UserId}"));
        var id = await caraway.OpenedId(anna);
        var path = $"{Cases}/{id}/shares/{ben.UserId.Replace("/", "%2f", StringComparison.Ordinal)}";

        Assert.Equal(ben.UserId, (await caraway.Put(anna, path, """{"access":"view"}""")).Json.Text("user_id"));
        Assert.Equal(200, (await caraway.Get(ben, $"{Cases}/{id}")).Status);
        Assert.Equal(200, (await caraway.Get(anna, path)).Status);
        Assert.Equal(204, (await caraway.Delete(anna, path)).Status);
    }

    [Fact]
    public async Task A_case_has_at_most_a_hundred_shares()
    {
        var anna = NewUser();
        var id = await caraway.OpenedId(anna);
        var answers = await Task.WhenAll(Enumerable.Range(0, 120).Select(n => caraway.Share(anna, id, Gateway($"reader-{n}"))));

        Assert.Equal(100, answers.Count(answer => answer.Status == 200));
        Assert.All(answers.Where(answer => answer.Status != 200), answer => answer.IsProblem(409, "too_many_shares"));
        Assert.Equal(101, await caraway.Database.Scalar<int>($"""
            select cardinality(readers) from support.cases where id = x'{id[5..]}'::bigint
            """));
        Assert.Equal(100, (await Readers(anna, id)).Length);
    }

    [Fact]
    public async Task A_linked_user_and_user_of_the_gateway_own_the_cases_of_each_other()
    {
        var (admin, user, anna) = (await caraway.SignedIn("admin"), await caraway.SignedIn("patient"), NewUser());
        var (ofUser, ofAnna) = (await caraway.OpenedId(user), await caraway.OpenedId(anna));
        await IsHidden(user, ofAnna);
        var link = $"/api/v1/users/{user.UserId[5..]}/gateway-id";
        Assert.Equal(200, (await caraway.Put(admin, link, $$"""{"gateway_id":"{{anna.UserId}}"}""")).Status);

        // A process reads a caller's link at most once a second.
        await Task.Delay(1100);
        Assert.Equal([ofAnna, ofUser], (await caraway.Get(user, Cases)).Ids());
        Assert.Equal([ofAnna, ofUser], (await caraway.Get(anna, Cases + "?cursor=")).Ids());
        Assert.Equal(200, (await caraway.Share(anna, ofUser, NewUser("ben"))).Status);
        var third = await caraway.Opened(user);
        Assert.Equal(user.UserId, third.Text("user_id"));
        Assert.Equal(204, (await caraway.Delete(anna, $"{Cases}/{third.Text("case_id")}")).Status);

        Assert.Equal(204, (await caraway.Delete(admin, link)).Status);
        await Task.Delay(1100);
        await IsHidden(user, ofAnna);
        await IsHidden(anna, ofUser);
    }

    [Fact]
    public async Task Who_saw_a_case_is_recorded_with_the_owner_who_is_a_user()
    {
        var (owner, agent) = (await caraway.SignedIn("patient"), await caraway.SignedIn("agent"));
        var id = await caraway.OpenedId(owner);
        await caraway.Get(agent, $"{Cases}/{id}");

        var log = await Eventually(() => caraway.Get(owner, $"/api/v1/patients/{owner.UserId[5..]}/access-log"), agent.UserId);
        Assert.Contains("GET /api/v1/cases/{case_id}", log, StringComparison.Ordinal);
    }

    private static async Task<string> Eventually(Func<Task<Answer>> ask, string part)
    {
        for (var tries = 0; tries < 100; tries++)
        {
            var answer = await ask();
            if (answer.Body.Contains(part, StringComparison.Ordinal))
                return answer.Body;
            await Task.Delay(50);
        }

        throw new InvalidOperationException($"{part} never came.");
    }

    private async Task IsHidden(Person who, string id)
    {
        var path = $"{Cases}/{id}";
        Answer[] answers =
        [
            await caraway.Get(who, path), await caraway.Put(who, path, """{"title":"Mine"}"""), await caraway.Move(who, id, "closed"),
            await caraway.Delete(who, path), await caraway.Get(who, path + "/history"), await caraway.Get(who, path + "/shares"),
            await caraway.Share(who, id, who),
        ];
        Assert.All(answers, answer => Assert.Equal($"Case {id} not found", answer.IsProblem(404, "case_not_found").Detail));
    }

    private async Task<string[]> Readers(Person who, string id)
    {
        var answer = await caraway.Get(who, $"{Cases}/{id}/shares");
        return [.. answer.Json.GetProperty("items").EnumerateArray().Select(item => item.Text("user_id"))];
    }
}
