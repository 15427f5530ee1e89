using Caraway.Identity;
using Caraway.Identity.Tokens;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Caraway.Tests.Identity.Users;

/// <summary>One-time addresses for new passwords.</summary>
public sealed class PasswordResetTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string New = "chosen after the reset";

    private const string NotValid = "This address is not valid: it was used or replaced, has expired, or never existed.";

    [Fact]
    public async Task An_address_sets_a_new_password_once_and_ends_all_sign_ins()
    {
        var (admin, person) = (await caraway.Person("admin"), await caraway.Person());

        var created = await Create(admin, person);
        var url = new Uri(created.Json.GetProperty("url").GetString()!);
        Assert.StartsWith(new Uri(caraway.Url, "/api/v1/password-resets/").ToString(), url.ToString(), StringComparison.Ordinal);
        Assert.Equal(201, created.Status);
        Assert.False(created.Headers.ContainsKey("Location"));
        Assert.Equal(["url", "expires_at"], created.Json.EnumerateObject().Select(field => field.Name));
        Assert.Equal(30, await caraway.Database.Scalar<double>($"""
            select extract(epoch from expires_at - created_at)::float8 / 60 from identity.password_resets where user_id = {person.UserId}
            """));

        var explained = await caraway.WritesNothing(() => caraway.Anonymously(HttpMethod.Get, url.AbsolutePath, null));
        Assert.Equal(
            (200, created.Json.GetProperty("expires_at").GetString()),
            (explained.Status, explained.Json.GetProperty("expires_at").GetString()));
        Assert.Contains("password", explained.Json.GetProperty("instructions").GetString(), StringComparison.Ordinal);
        var redeemed = await Redeem(url.AbsolutePath);
        Assert.Equal((204, ""), (redeemed.Status, redeemed.Body));

        (await caraway.SignIn(person.Email)).IsProblem(401, "sign_in_failed");
        Assert.Equal(200, (await caraway.SignIn(person.Email, New)).Status);
        (await caraway.As(person, HttpMethod.Get, $"/api/v1/users/{person.UserId}")).IsProblem(401, "invalid_token");
        (await caraway.Refresh(person.Refresh)).IsProblem(401, "invalid_refresh_token");
        Assert.Contains(
            $"user.password_reset_created by user:{admin.UserId}, user.password_changed by anonymous",
            await caraway.Events(person.UserId), StringComparison.Ordinal);
        Assert.Equal(NotValid, (await Redeem(url.AbsolutePath)).IsProblem(404, "password_reset_not_found").Detail);
        (await caraway.Anonymously(HttpMethod.Get, url.AbsolutePath, null)).IsProblem(404, "password_reset_not_found");
        await Forget();
    }

    [Fact]
    public async Task Another_address_replaces_the_one_before()
    {
        var (admin, person) = (await caraway.Person("admin"), await caraway.Person());
        var first = await caraway.NewReset(admin, person.UserId);
        var second = await caraway.NewReset(admin, person.UserId);

        (await Redeem(first)).IsProblem(404, "password_reset_not_found");
        Assert.Equal(204, (await Redeem(second)).Status);
        await Forget();
    }

    [Theory]
    [InlineData("x")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB")]
    [InlineData("';drop table identity.password_resets;--")]
    [InlineData("%F0%9F%98%80")]
    public async Task An_unknown_address_is_not_valid(string token)
    {
        Assert.Equal(NotValid, (await Redeem("/api/v1/password-resets/" + token)).IsProblem(404, "password_reset_not_found").Detail);
        (await caraway.Anonymously(HttpMethod.Get, "/api/v1/password-resets/" + token, null)).IsProblem(404, "password_reset_not_found");
        await Forget();
    }

    [Fact]
    public async Task An_expired_address_is_not_valid_and_its_row_is_removed()
    {
        var (admin, late, early) = (await caraway.Person("admin"), await caraway.Person(), await caraway.Person());
        var path = await caraway.NewReset(admin, late.UserId);
        await caraway.NewReset(admin, early.UserId);
        await caraway.Database.Execute(
            $"update identity.password_resets set expires_at = now() - interval '1 second' where user_id = {late.UserId}");

        (await caraway.Anonymously(HttpMethod.Get, path, null)).IsProblem(404, "password_reset_not_found");
        (await Redeem(path)).IsProblem(404, "password_reset_not_found");

        await caraway.Services.GetRequiredService<IdentityCleanup>().CleanOnce(default);
        Assert.Equal([early.UserId], await Resets(late, early));
        Assert.Equal(200, (await caraway.SignIn(late.Email)).Status);
        await Forget();
    }

    [Theory]
    [InlineData("\"short\"")]
    [InlineData("\"password123\"")]
    [InlineData("\"\"")]
    [InlineData("null")]
    [InlineData("7")]
    public async Task A_refused_password_leaves_the_address_usable(string password)
    {
        var (admin, person) = (await caraway.Person("admin"), await caraway.Person());
        var path = await caraway.NewReset(admin, person.UserId);

        var refused = await caraway.WritesNothing(
            () => caraway.Anonymously(HttpMethod.Post, path, $$"""{"password":{{password}}}"""));

        Assert.Equal(["#/password"], refused.IsProblem(422, "invalid").Pointers);
        Assert.Equal(204, (await Redeem(path)).Status);
    }

    [Fact]
    public async Task A_deactivated_user_gets_no_address_and_loses_the_one_before()
    {
        var (admin, person) = (await caraway.Person("admin"), await caraway.Person());
        var path = await caraway.NewReset(admin, person.UserId);
        await Change(admin, person, """{"is_active":false}""");

        (await caraway.WritesNothing(() => Create(admin, person))).IsProblem(409, "user_deactivated");
        (await Redeem(path)).IsProblem(404, "password_reset_not_found");
        await Change(admin, person, """{"is_active":true}""");
        (await Redeem(path)).IsProblem(404, "password_reset_not_found");
        await Forget();
    }

    [Theory]
    [InlineData("""{"password":"set by the admin"}""", false)]
    [InlineData("""{"role":"doctor"}""", false)]
    [InlineData("""{"full_name":"Another Name"}""", true)]
    [InlineData("""{"role":"patient","is_active":true}""", true)]
    public async Task What_ends_the_sign_ins_of_a_user_ends_the_address_too(string change, bool staysValid)
    {
        var (admin, person) = (await caraway.Person("admin"), await caraway.Person());
        var path = await caraway.NewReset(admin, person.UserId);

        await Change(admin, person, change);

        Assert.Equal(staysValid ? 204 : 404, (await Redeem(path)).Status);
        await Forget();
    }

    [Fact]
    public async Task Only_who_manages_users_makes_an_address()
    {
        var person = await caraway.Person();
        foreach (var role in new[] { "patient", "doctor", "caseworker", "adjudicator", "agent", "auditor" })
            (await Create(await caraway.Person(role), person)).IsProblem(403, "not_permitted");
        (await Create(person, person)).IsProblem(403, "not_permitted");
        foreach (var id in new[] { "0", "999999999", "abc" })
        {
            (await caraway.As(await caraway.Person("admin"), HttpMethod.Post, $"/api/v1/users/{id}/password-reset"))
                .IsProblem(404, "user_not_found");
        }

        var path = $"/api/v1/users/{person.UserId}/password-reset";
        Assert.Equal(201, (await caraway.Anonymously(HttpMethod.Post, path, null, await caraway.Key("users:manage"))).Status);
        (await caraway.Anonymously(HttpMethod.Post, path, null, await caraway.Key("users:read"))).IsProblem(403, "not_permitted");
    }

    [Fact]
    public async Task Guesses_are_counted_as_failed_sign_ins()
    {
        var (admin, person) = (await caraway.Person("admin"), await caraway.Person());
        var path = await caraway.NewReset(admin, person.UserId);
        for (var tries = 0; tries < 10; tries++)
        {
            var guess = await (tries % 2 == 0
                ? Redeem("/api/v1/password-resets/guess")
                : caraway.Anonymously(HttpMethod.Get, "/api/v1/password-resets/guess", null));
            guess.IsProblem(404, "password_reset_not_found");
        }

        var waiting = (await Redeem("/api/v1/password-resets/guess")).IsProblem(429, "too_many_attempts");
        Assert.True(waiting.Headers.ContainsKey("Retry-After"));
        Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Get, path, null)).Status);
        for (var tries = 0; tries < 90; tries++)
            await caraway.Anonymously(HttpMethod.Get, $"/api/v1/password-resets/guess{tries}", null);
        (await Redeem(path)).IsProblem(429, "too_many_attempts");
        (await caraway.SignIn(person.Email)).IsProblem(429, "too_many_attempts");
        await Forget();
        Assert.Equal(204, (await Redeem(path)).Status);
    }

    [Fact]
    public async Task Of_concurrent_uses_of_one_address_one_sets_the_password()
    {
        for (var round = 0; round < 5; round++)
        {
            var (admin, person) = (await caraway.Person("admin"), await caraway.Person());
            var path = await caraway.NewReset(admin, person.UserId);

            var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(n => Redeem(path, $"the password of caller {n}")));

            var winner = Assert.Single(Enumerable.Range(0, 8), n => answers[n].Status == 204);
            Assert.All(answers.Where(answer => answer.Status != 204), answer => answer.IsProblem(404, "password_reset_not_found"));
            await Forget();
            Assert.Equal(200, (await caraway.SignIn(person.Email, $"the password of caller {winner}")).Status);
            Assert.Equal(1, await caraway.Database.Scalar<long>($"""
                select count(*) from platform.events where subject = 'identity.user:{person.UserId}' and name = 'user.password_changed'
                """));
        }
    }

    /// <summary>Both uses have passed their checks and wait for the row of the user when the first of them is written.</summary>
    [Fact]
    public async Task Two_uses_that_have_passed_their_checks_set_one_password()
    {
        var (admin, person) = (await caraway.Person("admin"), await caraway.Person());
        var path = await caraway.NewReset(admin, person.UserId);

        var answers = await WhileHeld(person, 2, "", () => [Redeem(path), Redeem(path)]);

        Assert.Equal([204, 404], answers.Select(answer => answer.Status).Order());
        await Forget();
    }

    [Fact]
    public async Task A_use_that_waits_for_another_address_is_refused()
    {
        var (admin, person) = (await caraway.Person("admin"), await caraway.Person());
        var path = await caraway.NewReset(admin, person.UserId);

        var replacement = $"update identity.password_resets set token_hash = '\\x00' where user_id = {person.UserId}";
        var answers = await WhileHeld(person, 1, replacement, () => [Redeem(path)]);

        answers[0].IsProblem(404, "password_reset_not_found");
        Assert.Equal(200, (await caraway.SignIn(person.Email)).Status);
        await Forget();
    }

    /// <summary>The sign-in commits while the use of the address waits for the row of the user; the use must end it.</summary>
    [Fact]
    public async Task A_sign_in_at_the_same_time_does_not_survive_the_reset()
    {
        var (admin, person) = (await caraway.Person("admin"), await caraway.Person());
        var path = await caraway.NewReset(admin, person.UserId);

        var signIn = $"""
            insert into identity.sessions (id, user_id, created_at, expires_at)
            values ('00000000-0000-0000-0000-{person.UserId:000000000000}', {person.UserId}, now(), now() + interval '30 days')
            """;
        var answers = await WhileHeld(person, 1, signIn, () => [Redeem(path)]);

        Assert.Equal(204, answers[0].Status);
        Assert.Equal(0, await caraway.Database.Scalar<long>(
            $"select count(*) from identity.sessions where user_id = {person.UserId} and ended_at is null"));
    }

    [Fact]
    public async Task The_database_does_not_have_the_address()
    {
        var (admin, person) = (await caraway.Person("admin"), await caraway.Person());
        var token = (await caraway.NewReset(admin, person.UserId)).Split('/')[^1];
        var hex = Convert.ToHexStringLower(OpaqueToken.Decode(token)!);

        var tables = (await caraway.Database.Scalar<string>("""
            select string_agg(format('%I.%I', schemaname, tablename), ' ') from pg_tables
            where schemaname !~ '^pg_' and schemaname <> 'information_schema'
            """))!.Split(' ');
        Assert.Contains("platform.events", tables);
        foreach (var table in tables)
        {
            var rows = await caraway.Database.Scalar<string>($"select string_agg(t::text, ' ') from {table} t") ?? "";
            Assert.DoesNotContain(token, rows, StringComparison.Ordinal);
            Assert.DoesNotContain(hex, rows, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_address_begins_with_the_public_url()
    {
        await using var own = await OwnCaraway.Start(caraway.Database.Address, ("Server:PublicUrl", "https://desk.example/care/"));
        var (admin, person) = (await caraway.Person("admin"), await caraway.Person());

        var created = await CarawayFixture.Send(
            own.Stranger, HttpMethod.Post, $"/api/v1/users/{person.UserId}/password-reset", null, admin.Header);

        Assert.StartsWith(
            "https://desk.example/care/api/v1/password-resets/", created.Json.GetProperty("url").GetString(), StringComparison.Ordinal);
    }

    private Task<Answer> Create(Accounts.SignedIn caller, Accounts.SignedIn person) =>
        caraway.As(caller, HttpMethod.Post, $"/api/v1/users/{person.UserId}/password-reset");

    private Task<Answer> Redeem(string path, string password = New) =>
        caraway.Anonymously(HttpMethod.Post, path, $$"""{"password":"{{password}}"}""");

    private async Task Change(Accounts.SignedIn admin, Accounts.SignedIn person, string json) =>
        Assert.Equal(200, (await caraway.As(admin, HttpMethod.Patch, $"/api/v1/users/{person.UserId}", json)).Status);

    /// <summary>Removes the failures of a test, which count against the address of all tests.</summary>
    private Task Forget() => caraway.Database.Execute("delete from identity.sign_in_attempts");

    /// <summary>Sends requests while another transaction holds the row of the user, and commits this statement with it.</summary>
    /// <param name="waiting">The number of requests that wait for the row in the end.</param>
    private async Task<Answer[]> WhileHeld(Accounts.SignedIn person, int waiting, string sql, Func<Task<Answer>[]> send)
    {
        await using var connection = await caraway.Database.Source.OpenConnectionAsync();
        await using var holding = await connection.BeginTransactionAsync();
        await using (var hold = new NpgsqlCommand(
            $"select id from identity.users where id = {person.UserId} for no key update; {sql}", connection, holding))
            await hold.ExecuteNonQueryAsync();
        var requests = send();
        await EventFlow.Until(async () => await caraway.Database.Scalar<long>(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == waiting);
        await holding.CommitAsync();
        return await Task.WhenAll(requests);
    }

    private async Task<long[]> Resets(params Accounts.SignedIn[] persons) =>
        await caraway.Database.Scalar<long[]>($"""
            select coalesce(array_agg(user_id order by user_id), array[]::bigint[]) from identity.password_resets
            where user_id in ({string.Join(',', persons.Select(person => person.UserId))})
            """) ?? [];
}
