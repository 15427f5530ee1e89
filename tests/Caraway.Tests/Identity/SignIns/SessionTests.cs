using System.Diagnostics;
using Caraway.Tests.Infrastructure;
using Npgsql;

namespace Caraway.Tests.Identity.SignIns;

/// <summary>Refreshing, and the end of sign-ins on every process.</summary>
public sealed class SessionTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_refresh_token_has_one_successor_and_works_until_the_successor_is_used()
    {
        var person = await caraway.Person();

        var first = await caraway.Refresh(person.Refresh);
        var again = await caraway.Refresh(person.Refresh);
        Assert.Equal(
            ["access_token", "token_type", "refresh_token", "expires_in"], first.Json.EnumerateObject().Select(field => field.Name));
        Assert.Equal(Refresh(first), Refresh(again));
        Assert.NotEqual(person.Refresh, Refresh(first));

        var second = await caraway.Refresh(Refresh(first));
        Assert.Equal(200, second.Status);
        var reused = await caraway.Refresh(person.Refresh);
        Assert.Equal("Invalid refresh token", reused.IsProblem(401, "invalid_refresh_token").Detail);

        // The reuse ended the whole family.
        (await caraway.Refresh(Refresh(first))).IsProblem(401, "invalid_refresh_token");
        (await caraway.Refresh(Refresh(second))).IsProblem(401, "invalid_refresh_token");
        (await Read(person)).IsProblem(401, "invalid_token");
        Assert.EndsWith("user.refresh_token_reused by anonymous", await caraway.Events(person.UserId), StringComparison.Ordinal);
        Assert.Equal(200, (await caraway.SignIn(person.Email)).Status);
    }

    [Fact]
    public async Task A_client_that_always_sends_its_first_refresh_token_still_works()
    {
        var person = await caraway.Person();
        for (var times = 0; times < 5; times++)
        {
            var access = (await caraway.Refresh(person.Refresh)).Json.GetProperty("access_token").GetString();
            Assert.Equal(200, (await Read(person with { Access = access! })).Status);
        }
    }

    [Fact]
    public async Task Concurrent_uses_on_two_processes_give_one_successor()
    {
        var person = await caraway.Person();
        await using var other = await OwnCaraway.Start(caraway.Database.Address, ("RateLimits:AddressPerMinute", "0"));
        var token = person.Refresh;
        for (var generation = 0; generation < 5; generation++)
        {
            var body = $$"""{"refresh_token":"{{token}}"}""";
            var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(n =>
                CarawayFixture.Send(n % 2 == 0 ? caraway.Stranger : other.Stranger, HttpMethod.Post, "/api/v1/refresh", body)));
            Assert.All(answers, answer => Assert.Equal(200, answer.Status));
            token = Assert.Single(answers.Select(Refresh).Distinct(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task Concurrent_uses_of_parent_and_successor_never_fail_with_a_fault()
    {
        for (var round = 0; round < 8; round++)
        {
            var person = await caraway.Person();
            var successor = Refresh(await caraway.Refresh(person.Refresh));
            Task<Answer> Use(int n) => n == 9
                ? caraway.As(person, HttpMethod.Post, "/api/v1/logout")
                : caraway.Refresh(n % 2 == 0 ? person.Refresh : successor);

            var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(Use));

            Assert.All(answers, answer => Assert.Contains(answer.Status, new[] { 200, 204, 401 }));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB")]
    public async Task A_text_that_is_not_a_refresh_token_is_refused(string token) =>
        (await caraway.Refresh(token)).IsProblem(401, "invalid_refresh_token");

    [Fact]
    public async Task A_token_ends_after_seven_days_and_a_family_after_thirty()
    {
        var (token, family) = (await caraway.Person(), await caraway.Person());
        Assert.Equal("7 30", await caraway.Database.Scalar<string>($"""
            select extract(day from t.expires_at - s.created_at) || ' ' || extract(day from s.expires_at - s.created_at)
            from identity.sessions s join identity.refresh_tokens t on t.session_id = s.id where user_id = {token.UserId}
            """));
        await caraway.Database.Execute($"""
            update identity.refresh_tokens set expires_at = now()
            where session_id = (select id from identity.sessions where user_id = {token.UserId})
            """);
        await caraway.Database.Execute($"update identity.sessions set expires_at = now() where user_id = {family.UserId}");

        (await caraway.Refresh(token.Refresh)).IsProblem(401, "invalid_refresh_token");
        (await caraway.Refresh(family.Refresh)).IsProblem(401, "invalid_refresh_token");
    }

    [Fact]
    public async Task An_access_token_ends_with_its_family_at_the_latest()
    {
        var person = await caraway.Person();
        await caraway.Database.Execute(
            $"update identity.sessions set expires_at = now() + interval '10 seconds' where user_id = {person.UserId}");

        Assert.InRange((await caraway.Refresh(person.Refresh)).Json.GetProperty("expires_in").GetInt32(), 5, 10);
    }

    [Fact]
    public async Task Access_tokens_and_refresh_tokens_do_not_replace_each_other()
    {
        var person = await caraway.Person();

        (await caraway.Refresh(person.Access)).IsProblem(401, "invalid_refresh_token");
        (await Read(person with { Access = person.Refresh })).IsProblem(401, "invalid_token");
    }

    [Theory]
    [InlineData("logout")]
    [InlineData("password")]
    [InlineData("role")]
    [InlineData("deactivation")]
    [InlineData("reset")]
    public async Task A_sign_in_that_ends_on_one_process_ends_on_every_process_within_a_second(string how)
    {
        await using var other = await OwnCaraway.Start(caraway.Database.Address);
        var person = await caraway.Person();
        var admin = await caraway.Person("admin");
        var path = $"/api/v1/users/{person.UserId}";
        Task<Answer> ReadThere() => CarawayFixture.Send(other.Stranger, HttpMethod.Get, path, null, person.Header);
        Assert.Equal(200, (await ReadThere()).Status);

        var ended = how switch
        {
            "logout" => await caraway.As(person, HttpMethod.Post, "/api/v1/logout"),
            "password" => await caraway.As(admin, HttpMethod.Patch, path, """{"password":"set by the admin"}"""),
            "reset" => await caraway.Anonymously(
                HttpMethod.Post, await caraway.NewReset(admin, person.UserId), """{"password":"chosen after the reset"}"""),
            "role" => await caraway.As(admin, HttpMethod.Patch, path, """{"role":"doctor"}"""),
            _ => await caraway.As(admin, HttpMethod.Patch, path, """{"is_active":false}"""),
        };
        Assert.Contains(ended.Status, new[] { 200, 204 });

        (await Read(person)).IsProblem(401, "invalid_token");
        (await caraway.Refresh(person.Refresh)).IsProblem(401, "invalid_refresh_token");
        var clock = Stopwatch.StartNew();
        while ((await ReadThere()).Status == 200)
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(1), "The sign-in is still valid on the other process.");
            await Task.Delay(20);
        }

        Assert.Equal(200, (await caraway.As(admin, HttpMethod.Get, path)).Status);
    }

    [Fact]
    public async Task Signing_out_ends_only_this_sign_in()
    {
        var one = await caraway.Person();
        var two = Accounts.Read(one.UserId, one.Email, await caraway.SignIn(one.Email));

        Assert.Equal(204, (await caraway.As(one, HttpMethod.Post, "/api/v1/logout")).Status);

        Assert.Equal(200, (await Read(two)).Status);
        Assert.EndsWith($"user.signed_out by user:{one.UserId}", await caraway.Events(one.UserId), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_process_that_starts_later_knows_the_ended_sign_ins()
    {
        var person = await caraway.Person();
        await caraway.As(person, HttpMethod.Post, "/api/v1/logout");
        await using var later = await OwnCaraway.Start(caraway.Database.Address);

        var answer = await CarawayFixture.Send(later.Stranger, HttpMethod.Get, $"/api/v1/users/{person.UserId}", null, person.Header);

        answer.IsProblem(401, "invalid_token");
    }

    /// <summary>The sign-in commits while the change waits for the row of the user; the change must end it.</summary>
    [Fact]
    public async Task A_sign_in_at_the_same_time_as_a_password_change_does_not_survive_it()
    {
        var person = await caraway.Person();
        var admin = await caraway.Person("admin");
        await using var connection = await caraway.Database.Source.OpenConnectionAsync();
        await using var signingIn = await connection.BeginTransactionAsync();
        await Run($"select id from identity.users where id = {person.UserId} for no key update");
        await Run($"""
            insert into identity.sessions (id, user_id, created_at, expires_at)
            values ('00000000-0000-0000-0000-{person.UserId:000000000000}', {person.UserId}, now(), now() + interval '30 days')
            """);

        var changing = caraway.As(admin, HttpMethod.Patch, $"/api/v1/users/{person.UserId}", """{"password":"set by the admin"}""");
        await Task.Delay(300);
        Assert.False(changing.IsCompleted);
        await signingIn.CommitAsync();

        Assert.Equal(200, (await changing).Status);
        Assert.Equal(0, await OpenSessions(person));

        async Task Run(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection, signingIn);
            await command.ExecuteNonQueryAsync();
        }
    }

    [Fact]
    public async Task The_oldest_of_more_than_a_hundred_sign_ins_ends()
    {
        var person = await caraway.Person();
        await caraway.Database.Execute($"""
            insert into identity.sessions (id, user_id, created_at, expires_at)
            select gen_random_uuid(), {person.UserId}, now() + n * interval '1 second', now() + interval '30 days'
            from generate_series(1, 99) n
            """);

        Assert.Equal(200, (await caraway.SignIn(person.Email)).Status);

        Assert.InRange(await OpenSessions(person), 99, 100);
        (await caraway.Refresh(person.Refresh)).IsProblem(401, "invalid_refresh_token");
    }

    private static string Refresh(Answer answer) => answer.Json.GetProperty("refresh_token").GetString()!;

    private Task<Answer> Read(Accounts.SignedIn person) => caraway.As(person, HttpMethod.Get, $"/api/v1/users/{person.UserId}");

    private Task<long> OpenSessions(Accounts.SignedIn person) =>
        caraway.Database.Scalar<long>($"select count(*) from identity.sessions where user_id = {person.UserId} and ended_at is null");
}
