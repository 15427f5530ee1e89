using Caraway.Identity.Keys;
using Caraway.Identity.SignIns;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Identity.Users;

/// <summary>Reading, listing and changing users.</summary>
public sealed class UserTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task One_sees_oneself_and_staff_see_all()
    {
        var (one, other) = (await caraway.Person(), await caraway.Person());

        var own = await caraway.As(one, HttpMethod.Get, $"/api/v1/users/{one.UserId}");
        Assert.Equal((200, one.Email), (own.Status, own.Json.GetProperty("email").GetString()));
        Assert.Equal("User not found", (await caraway.As(one, HttpMethod.Get, $"/api/v1/users/{other.UserId}")).IsProblem(404, "user_not_found").Detail);
        foreach (var role in new[] { "doctor", "admin", "caseworker", "adjudicator", "agent", "auditor" })
            Assert.Equal(200, (await caraway.As(await caraway.Person(role), HttpMethod.Get, $"/api/v1/users/{one.UserId}")).Status);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("abc")]
    [InlineData("99999999999999999999")]
    public async Task An_id_that_none_can_be_is_not_there(string id) =>
        (await caraway.As(await caraway.Person("admin"), HttpMethod.Get, $"/api/v1/users/{id}")).IsProblem(404, "user_not_found");

    [Fact]
    public async Task Administrators_list_users_by_pages_role_and_text()
    {
        var admin = await caraway.Person("admin");
        var doctors = new[] { await caraway.Person("doctor", "Dr 100%_Sure"), await caraway.Person("doctor"), await caraway.Person("doctor") };

        var first = await caraway.As(admin, HttpMethod.Get, "/api/v1/users?role=doctor&limit=2");
        var second = await caraway.As(admin, HttpMethod.Get, $"/api/v1/users?role=doctor&limit=2&cursor={first.Json.GetProperty("next_cursor").GetInt64()}");

        var listed = first.Json.GetProperty("items").EnumerateArray().Concat(second.Json.GetProperty("items").EnumerateArray()).Select(u => u.GetProperty("id").GetInt64());
        Assert.Equal(doctors.Select(d => d.UserId).OrderDescending(), listed.Take(3));
        Assert.Equal([doctors[0].UserId], Ids(await caraway.As(admin, HttpMethod.Get, "/api/v1/users?q=100%25_s")));
        Assert.Empty(Ids(await caraway.As(admin, HttpMethod.Get, "/api/v1/users?q=100x_s")));
        Assert.Equal([doctors[1].UserId], Ids(await caraway.As(admin, HttpMethod.Get, $"/api/v1/users?q={doctors[1].Email.ToUpperInvariant()}")));
        (await caraway.As(admin, HttpMethod.Get, "/api/v1/users?role=king")).IsProblem(422, "invalid");
        (await caraway.As(await caraway.Person("auditor"), HttpMethod.Get, "/api/v1/users")).IsProblem(403, "not_permitted");
    }

    [Fact]
    public async Task One_changes_ones_name_and_a_repetition_changes_nothing()
    {
        var person = await caraway.Person();
        var path = $"/api/v1/users/{person.UserId}";

        var changed = await caraway.As(person, HttpMethod.Patch, path, """{"full_name":"Patricia"}""");
        var again = await caraway.As(person, HttpMethod.Patch, path, """{"full_name":"Patricia"}""");

        Assert.Equal((200, "Patricia", "\"v2\""), (changed.Status, changed.Json.GetProperty("full_name").GetString(), changed.Headers["ETag"]));
        Assert.Equal("\"v2\"", again.Headers["ETag"]);
        Assert.Equal($"user.registered by user:{person.UserId}, user.signed_in by user:{person.UserId}, user.renamed by user:{person.UserId}", await caraway.Events(person.UserId));
        (await caraway.As(person, HttpMethod.Patch, path, """{"full_name":"P"}""", ("If-Match", "\"v1\""))).IsProblem(412, "stale_version");
        Assert.Equal(200, (await caraway.As(person, HttpMethod.Patch, path, """{"full_name":"P"}""", ("If-Match", "\"v2\""))).Status);
    }

    [Theory]
    [InlineData("""{"role":"admin"}""")]
    [InlineData("""{"is_active":false}""")]
    [InlineData("""{"full_name":"X","role":"patient"}""")]
    public async Task Nobody_but_an_administrator_changes_roles_and_activation(string json)
    {
        var person = await caraway.Person("caseworker");

        (await caraway.As(person, HttpMethod.Patch, $"/api/v1/users/{person.UserId}", json)).IsProblem(403, "not_permitted");
        Assert.Equal("caseworker Pat Doe true", await caraway.Database.Scalar<string>($"select role || ' ' || full_name || ' ' || is_active from identity.users where id = {person.UserId}"));
    }

    [Fact]
    public async Task Staff_see_others_and_change_nothing_of_theirs_and_patients_do_not_see_them()
    {
        var person = await caraway.Person();

        (await caraway.As(await caraway.Person("caseworker"), HttpMethod.Patch, $"/api/v1/users/{person.UserId}", """{"full_name":"X"}""")).IsProblem(403, "not_permitted");
        (await caraway.As(await caraway.Person(), HttpMethod.Patch, $"/api/v1/users/{person.UserId}", """{"full_name":"X"}""")).IsProblem(404, "user_not_found");
    }

    [Fact]
    public async Task Ones_own_password_needs_the_present_one()
    {
        var person = await caraway.Person();
        var path = $"/api/v1/users/{person.UserId}";

        Assert.Equal(["#/current_password"], (await caraway.As(person, HttpMethod.Patch, path, """{"password":"another long phrase"}""")).IsProblem(422, "invalid").Pointers);
        Assert.Equal(["#/current_password"], (await caraway.As(person, HttpMethod.Patch, path, """{"password":"another long phrase","current_password":"guess"}""")).IsProblem(422, "invalid").Pointers);
        Assert.Equal(200, (await caraway.As(person, HttpMethod.Patch, path, $$"""{"password":"another long phrase","current_password":"{{Accounts.Password}}"}""")).Status);

        (await caraway.SignIn(person.Email)).IsProblem(401, "sign_in_failed");
        Assert.Equal(200, (await caraway.SignIn(person.Email, "another long phrase")).Status);
        (await caraway.As(person, HttpMethod.Get, path)).IsProblem(401, "invalid_token");
        (await caraway.Refresh(person.Refresh)).IsProblem(401, "invalid_refresh_token");
    }

    [Fact]
    public async Task A_stolen_token_tries_ten_passwords_and_no_more()
    {
        var person = await caraway.Person();
        for (var tries = 0; tries < 10; tries++)
            (await caraway.As(person, HttpMethod.Patch, $"/api/v1/users/{person.UserId}", """{"password":"another long phrase","current_password":"guess"}""")).IsProblem(422, "invalid");

        var refused = await caraway.As(person, HttpMethod.Patch, $"/api/v1/users/{person.UserId}", $$"""{"password":"another long phrase","current_password":"{{Accounts.Password}}"}""");
        refused.IsProblem(429, "too_many_attempts");
        await caraway.Database.Execute("delete from identity.sign_in_attempts");
    }

    [Fact]
    public async Task Of_two_changes_at_once_none_is_lost()
    {
        var person = await caraway.Person();
        var admin = await caraway.Person("admin");
        var path = $"/api/v1/users/{person.UserId}";

        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(n => caraway.As(admin, HttpMethod.Patch, path, $$"""{"full_name":"Name {{n}}"}""")));

        var done = answers.Count(answer => answer.Status == 200);
        Assert.InRange(done, 1, 10);
        Assert.All(answers.Where(answer => answer.Status != 200), answer => answer.IsProblem(409, "concurrent_change"));
        Assert.Equal(done, await caraway.Database.Scalar<long>($"select count(*) from platform.events where name = 'user.renamed' and subject = 'identity.user:{person.UserId}'"));
    }

    [Fact]
    public async Task The_last_administrator_stays_one()
    {
        var admin = await caraway.Person("admin");
        await caraway.Database.Execute($"update identity.users set role = 'auditor' where role = 'admin' and id <> {admin.UserId}");

        (await caraway.As(admin, HttpMethod.Patch, $"/api/v1/users/{admin.UserId}", """{"role":"patient"}""")).IsProblem(409, "last_admin");
        (await caraway.As(admin, HttpMethod.Patch, $"/api/v1/users/{admin.UserId}", """{"is_active":false}""")).IsProblem(409, "last_admin");
        await caraway.Person("admin");
        Assert.Equal(200, (await caraway.As(admin, HttpMethod.Patch, $"/api/v1/users/{admin.UserId}", """{"role":"patient"}""")).Status);
    }

    [Theory]
    [InlineData("Ines\\u202eHolm")]
    [InlineData("Ines\\nHolm")]
    public async Task A_name_is_one_line_in_one_direction(string name)
    {
        var person = await caraway.Person();

        Assert.Equal(["#/full_name"], (await caraway.As(person, HttpMethod.Patch, $"/api/v1/users/{person.UserId}", $$"""{"full_name":"{{name}}"}""")).IsProblem(422, "invalid").Pointers);
    }

    [Fact]
    public async Task A_key_with_the_scope_reads_users()
    {
        var person = await caraway.Person();
        await using var database = new Caraway.Platform.Postgres.Database(caraway.Database.Source);
        var key = await Caraway.Identity.Keys.ManageApiKeys.Create("users", ["users:read"], null, database, TimeProvider.System.GetUtcNow().UtcDateTime, default);

        Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Get, $"/api/v1/users/{person.UserId}", null, ("X-API-Key", key))).Status);
        (await caraway.Anonymously(HttpMethod.Patch, $"/api/v1/users/{person.UserId}", """{"full_name":"X"}""", ("X-API-Key", key))).IsProblem(403, "not_permitted");
    }

    private static IEnumerable<long> Ids(Answer answer) => answer.Json.GetProperty("items").EnumerateArray().Select(user => user.GetProperty("id").GetInt64());
}
