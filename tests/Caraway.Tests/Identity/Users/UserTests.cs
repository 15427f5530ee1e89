using Caraway.Tests.Infrastructure;
using Npgsql;

namespace Caraway.Tests.Identity.Users;

/// <summary>Reading, listing and changing users.</summary>
public sealed class UserTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string NewPassword = """{"password":"another long phrase"}""";

    private static readonly string NewPasswordWithCurrentOne =
        $$"""{"password":"another long phrase","current_password":"{{Accounts.Password}}"}""";

    private static readonly string NewPasswordWithGuess = """{"password":"another long phrase","current_password":"guess"}""";

    [Fact]
    public async Task Patients_read_their_own_account_and_staff_read_every_account()
    {
        var (one, other) = (await caraway.Person(), await caraway.Person());

        var own = await Read(one, one.UserId);
        Assert.Equal((200, one.Email), (own.Status, own.Json.GetProperty("email").GetString()));
        Assert.Equal("User not found", (await Read(one, other.UserId)).IsProblem(404, "user_not_found").Detail);
        foreach (var role in new[] { "doctor", "admin", "caseworker", "adjudicator", "agent", "auditor" })
            Assert.Equal(200, (await Read(await caraway.Person(role), one.UserId)).Status);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("abc")]
    [InlineData("99999999999999999999")]
    public async Task An_impossible_id_is_not_found(string id) =>
        (await caraway.As(await caraway.Person("admin"), HttpMethod.Get, $"/api/v1/users/{id}")).IsProblem(404, "user_not_found");

    [Fact]
    public async Task Administrators_list_users_by_pages_role_and_text()
    {
        var admin = await caraway.Person("admin");
        var doctors = new List<Accounts.SignedIn>();
        foreach (var name in new[] { "Dr 100%_Sure", "Dr One", "Dr Two" })
            doctors.Add(await caraway.Person("doctor", name));
        Task<Answer> List(string query) => caraway.As(admin, HttpMethod.Get, "/api/v1/users?" + query);

        var first = await List("role=doctor&limit=2");
        var second = await List($"role=doctor&limit=2&cursor={first.Json.GetProperty("next_cursor").GetInt64()}");

        Assert.Equal(doctors.Select(doctor => doctor.UserId).OrderDescending(), Ids(first).Concat(Ids(second)).Take(3));
        Assert.Equal([doctors[0].UserId], Ids(await List("q=100%25_s")));
        Assert.Empty(Ids(await List("q=100x_s")));
        Assert.Equal([doctors[1].UserId], Ids(await List($"q={doctors[1].Email.ToUpperInvariant()}")));
        (await List("role=king")).IsProblem(422, "invalid");
        (await caraway.As(await caraway.Person("auditor"), HttpMethod.Get, "/api/v1/users")).IsProblem(403, "not_permitted");
    }

    [Fact]
    public async Task Users_change_their_own_name_and_a_repetition_changes_nothing()
    {
        var person = await caraway.Person();
        var id = person.UserId;

        var changed = await Change(person, id, """{"full_name":"Patricia"}""");
        var again = await Change(person, id, """{"full_name":"Patricia"}""");

        Assert.Equal((200, "Patricia"), (changed.Status, changed.Json.GetProperty("full_name").GetString()));
        Assert.Equal(("\"v2\"", "\"v2\""), (changed.Headers["ETag"], again.Headers["ETag"]));
        Assert.Equal(
            $"user.registered by user:{id}, user.signed_in by user:{id}, user.renamed by user:{id}", await caraway.Events(id));
        (await Change(person, id, """{"full_name":"P"}""", ("If-Match", "\"v1\""))).IsProblem(412, "stale_version");
        Assert.Equal(200, (await Change(person, id, """{"full_name":"P"}""", ("If-Match", "\"v2\""))).Status);
    }

    [Theory]
    [InlineData("""{"role":"admin"}""")]
    [InlineData("""{"is_active":false}""")]
    [InlineData("""{"full_name":"X","role":"patient"}""")]
    public async Task Only_an_administrator_changes_roles_and_activation(string json)
    {
        var person = await caraway.Person("caseworker");

        (await Change(person, person.UserId, json)).IsProblem(403, "not_permitted");

        Assert.Equal("caseworker Pat Doe true", await caraway.Database.Scalar<string>(
            $"select role || ' ' || full_name || ' ' || is_active from identity.users where id = {person.UserId}"));
    }

    [Fact]
    public async Task Staff_cannot_change_other_users_and_patients_do_not_find_them()
    {
        var person = await caraway.Person();

        (await Change(await caraway.Person("caseworker"), person.UserId, """{"full_name":"X"}""")).IsProblem(403, "not_permitted");
        (await Change(await caraway.Person(), person.UserId, """{"full_name":"X"}""")).IsProblem(404, "user_not_found");
    }

    [Fact]
    public async Task Users_need_their_current_password_to_change_it()
    {
        var person = await caraway.Person();

        var missing = (await Change(person, person.UserId, NewPassword)).IsProblem(422, "invalid");
        var wrong = (await Change(person, person.UserId, NewPasswordWithGuess)).IsProblem(422, "invalid");
        Assert.Equal(["#/current_password"], missing.Pointers);
        Assert.Equal(["#/current_password"], wrong.Pointers);
        Assert.Equal(200, (await Change(person, person.UserId, NewPasswordWithCurrentOne)).Status);

        (await caraway.SignIn(person.Email)).IsProblem(401, "sign_in_failed");
        Assert.Equal(200, (await caraway.SignIn(person.Email, "another long phrase")).Status);
        (await Read(person, person.UserId)).IsProblem(401, "invalid_token");
        (await caraway.Refresh(person.Refresh)).IsProblem(401, "invalid_refresh_token");
    }

    [Fact]
    public async Task A_stolen_token_can_try_ten_passwords()
    {
        var person = await caraway.Person();
        for (var tries = 0; tries < 10; tries++)
            (await Change(person, person.UserId, NewPasswordWithGuess)).IsProblem(422, "invalid");

        (await Change(person, person.UserId, NewPasswordWithCurrentOne)).IsProblem(429, "too_many_attempts");
        await caraway.Database.Execute("delete from identity.sign_in_attempts");
    }

    [Fact]
    public async Task Concurrent_changes_are_written_or_refused()
    {
        var person = await caraway.Person();
        var admin = await caraway.Person("admin");

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 10).Select(n => Change(admin, person.UserId, $$"""{"full_name":"Name {{n}}"}""")));

        var done = answers.Count(answer => answer.Status == 200);
        Assert.InRange(done, 1, 10);
        Assert.All(answers.Where(answer => answer.Status != 200), answer => answer.IsProblem(409, "concurrent_change"));
        Assert.Equal(done, await caraway.Database.Scalar<long>(
            $"select count(*) from platform.events where name = 'user.renamed' and subject = 'identity.user:{person.UserId}'"));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"full_name":"Another Name"}""")]
    public async Task A_change_that_shows_a_patients_account_is_recorded(string change)
    {
        var (admin, person) = (await caraway.Person("admin"), await caraway.Person());

        var answer = await Change(admin, person.UserId, change);

        Assert.Equal(200, answer.Status);
        var access = Assert.Single((await caraway.Accesses(answer)).EnumerateArray());
        Assert.Equal($"user:{admin.UserId} PATCH /api/v1/users/{{id}}", $"{access.GetProperty("actor")} {access.GetProperty("action")}");
        Assert.Equal($"[{person.UserId}]", access.GetProperty("patient_ids").GetRawText());
    }

    [Theory]
    [InlineData("""{"role":"patient"}""")]
    [InlineData("""{"is_active":false}""")]
    public async Task The_last_administrator_cannot_be_demoted_or_deactivated(string change)
    {
        var admin = await OnlyAdministrator();
        var inactive = await caraway.Person("admin");
        await caraway.Database.Execute($"update identity.users set is_active = false where id = {inactive.UserId}");

        var refused = await caraway.WritesNothing(() => Change(admin, admin.UserId, change));
        refused.IsProblem(409, "last_admin");

        await caraway.Person("admin");
        Assert.Equal(200, (await Change(admin, admin.UserId, change)).Status);
    }

    /// <summary>Both requests have passed their checks and wait for a row when the first of them is written.</summary>
    [Theory]
    [InlineData("""{"role":"patient"}""", """{"role":"patient"}""")]
    [InlineData("""{"is_active":false}""", """{"role":"auditor"}""")]
    public async Task Two_administrators_who_demote_each_other_at_once_leave_one(string firstChange, string secondChange)
    {
        var first = await OnlyAdministrator();
        var second = await caraway.Person("admin");
        Answer[] answers;
        await using (var connection = await caraway.Database.Source.OpenConnectionAsync())
        await using (var holding = await connection.BeginTransactionAsync())
        {
            await using (var hold = new NpgsqlCommand("select id from identity.users where role = 'admin' for update", connection, holding))
                await hold.ExecuteNonQueryAsync();
            var changes = new[] { Change(first, second.UserId, firstChange), Change(second, first.UserId, secondChange) };
            await EventFlow.Until(async () => await WaitingRequests() == 2);
            await holding.CommitAsync();
            answers = await Task.WhenAll(changes);
        }

        Assert.Equal([200, 409], answers.Select(answer => answer.Status).Order());
        answers.Single(answer => answer.Status == 409).IsProblem(409, "last_admin");
        Assert.Equal(1, await ActiveAdministrators());
    }

    [Fact]
    public async Task Many_administrators_who_demote_themselves_at_once_leave_one()
    {
        for (var round = 0; round < 5; round++)
        {
            var admins = new List<Accounts.SignedIn> { await OnlyAdministrator() };
            for (var more = 0; more < 5; more++)
                admins.Add(await caraway.Person("admin"));

            var answers = await Task.WhenAll(admins.Select(admin => Change(admin, admin.UserId, """{"role":"patient"}""")));

            Assert.Equal([200, 200, 200, 200, 200, 409], answers.Select(answer => answer.Status).Order());
            Assert.Equal(1, await ActiveAdministrators());
        }
    }

    [Theory]
    [InlineData("Ines\\u202eHolm")]
    [InlineData("Ines\\nHolm")]
    public async Task A_name_is_one_line_in_one_direction(string name)
    {
        var person = await caraway.Person();

        var refused = (await Change(person, person.UserId, $$"""{"full_name":"{{name}}"}""")).IsProblem(422, "invalid");
        Assert.Equal(["#/full_name"], refused.Pointers);
    }

    [Fact]
    public async Task A_key_with_the_scope_reads_users()
    {
        var path = $"/api/v1/users/{(await caraway.Person()).UserId}";
        var key = await caraway.Key("users:read");

        Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Get, path, null, key)).Status);
        (await caraway.Anonymously(HttpMethod.Patch, path, """{"full_name":"X"}""", key)).IsProblem(403, "not_permitted");
    }

    private Task<Answer> Read(Accounts.SignedIn caller, long id) => caraway.As(caller, HttpMethod.Get, $"/api/v1/users/{id}");

    private Task<Answer> Change(Accounts.SignedIn caller, long id, string json, params (string, string)[] headers) =>
        caraway.As(caller, HttpMethod.Patch, $"/api/v1/users/{id}", json, headers);

    /// <summary>A new administrator; all earlier ones become auditors.</summary>
    private async Task<Accounts.SignedIn> OnlyAdministrator()
    {
        await caraway.Database.Execute("update identity.users set role = 'auditor' where role = 'admin'");
        return await caraway.Person("admin");
    }

    private Task<long> ActiveAdministrators() =>
        caraway.Database.Scalar<long>("select count(*) from identity.users where role = 'admin' and is_active");

    private Task<long> WaitingRequests() => caraway.Database.Scalar<long>(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'");

    private static IEnumerable<long> Ids(Answer answer) =>
        answer.Json.GetProperty("items").EnumerateArray().Select(user => user.GetProperty("id").GetInt64());
}
