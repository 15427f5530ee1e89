using System.Diagnostics;
using Caraway.Identity.SignIns;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform;

namespace Caraway.Tests.Identity.SignIns;

/// <summary>Refreshing, and the end of sign-ins on every process.</summary>
public sealed class SessionTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_parent_has_one_successor_and_works_until_that_is_used()
    {
        var person = await caraway.Person();

        var first = await caraway.Refresh(person.Refresh);
        var again = await caraway.Refresh(person.Refresh);
        Assert.Equal(["access_token", "token_type", "refresh_token", "expires_in"], first.Json.EnumerateObject().Select(p => p.Name));
        Assert.Equal(Refresh(first), Refresh(again));
        Assert.NotEqual(person.Refresh, Refresh(first));

        var second = await caraway.Refresh(Refresh(first));
        Assert.Equal(200, second.Status);
        Assert.Equal("Invalid refresh token", (await caraway.Refresh(person.Refresh)).IsProblem(401, "invalid_refresh_token").Detail);

        // The reuse ended the whole family.
        (await caraway.Refresh(Refresh(first))).IsProblem(401, "invalid_refresh_token");
        (await caraway.Refresh(Refresh(second))).IsProblem(401, "invalid_refresh_token");
        (await caraway.As(person, HttpMethod.Get, $"/api/v1/users/{person.UserId}")).IsProblem(401, "invalid_token");
        Assert.EndsWith("user.refresh_token_reused by anonymous", await caraway.Events(person.UserId), StringComparison.Ordinal);
        Assert.Equal(200, (await caraway.SignIn(person.Email)).Status);
    }

    [Fact]
    public async Task A_client_that_never_takes_the_successor_still_works()
    {
        var person = await caraway.Person();
        for (var times = 0; times < 5; times++)
        {
            var answer = await caraway.Refresh(person.Refresh);
            Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Get, $"/api/v1/users/{person.UserId}", null, ("Authorization", "Bearer " + answer.Json.GetProperty("access_token").GetString()))).Status);
        }
    }

    [Fact]
    public async Task Many_uses_at_once_on_two_processes_give_one_successor()
    {
        var person = await caraway.Person();
        await using var other = await OwnCaraway.Start(caraway.Database.Address, ("RateLimits:AddressPerMinute", "0"));
        other.Client.DefaultRequestHeaders.Remove("X-API-Key");
        var token = person.Refresh;
        for (var generation = 0; generation < 5; generation++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(n => CarawayFixture.Send(n % 2 == 0 ? caraway.Stranger : other.Client, HttpMethod.Post, "/api/v1/refresh", $$"""{"refresh_token":"{{token}}"}""")));
            Assert.All(answers, answer => Assert.Equal(200, answer.Status));
            token = Assert.Single(answers.Select(Refresh).Distinct(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task Parent_and_successor_at_once_end_well_or_with_the_family_and_never_with_a_fault()
    {
        for (var round = 0; round < 8; round++)
        {
            var person = await caraway.Person();
            var successor = Refresh(await caraway.Refresh(person.Refresh));

            var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(n => n == 9 ? caraway.As(person, HttpMethod.Post, "/api/v1/logout") : caraway.Refresh(n % 2 == 0 ? person.Refresh : successor)));

            Assert.All(answers, answer => Assert.Contains(answer.Status, new[] { 200, 204, 401 }));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB")]
    public async Task What_is_no_token_is_refused(string token) => (await caraway.Refresh(token)).IsProblem(401, "invalid_refresh_token");

    [Fact]
    public async Task A_token_ends_after_seven_days_and_a_family_after_thirty()
    {
        var (token, family) = (await caraway.Person(), await caraway.Person());
        Assert.Equal("7 30", await caraway.Database.Scalar<string>(
            $"select extract(day from t.expires_at - s.created_at) || ' ' || extract(day from s.expires_at - s.created_at) from identity.sessions s join identity.refresh_tokens t on t.session_id = s.id where user_id = {token.UserId}"));
        await caraway.Database.Execute($"update identity.refresh_tokens set expires_at = now() where session_id = (select id from identity.sessions where user_id = {token.UserId})");
        await caraway.Database.Execute($"update identity.sessions set expires_at = now() where user_id = {family.UserId}");

        (await caraway.Refresh(token.Refresh)).IsProblem(401, "invalid_refresh_token");
        (await caraway.Refresh(family.Refresh)).IsProblem(401, "invalid_refresh_token");
    }

    [Fact]
    public async Task No_access_token_outlives_its_family()
    {
        var person = await caraway.Person();
        await caraway.Database.Execute($"update identity.sessions set expires_at = now() + interval '10 seconds' where user_id = {person.UserId}");

        Assert.InRange((await caraway.Refresh(person.Refresh)).Json.GetProperty("expires_in").GetInt32(), 5, 10);
    }

    [Fact]
    public async Task An_access_token_is_no_refresh_token_and_the_other_way_round()
    {
        var person = await caraway.Person();

        (await caraway.Refresh(person.Access)).IsProblem(401, "invalid_refresh_token");
        (await caraway.Anonymously(HttpMethod.Get, $"/api/v1/users/{person.UserId}", null, ("Authorization", "Bearer " + person.Refresh))).IsProblem(401, "invalid_token");
    }

    [Theory]
    [InlineData("logout")]
    [InlineData("password")]
    [InlineData("role")]
    [InlineData("deactivation")]
    public async Task A_sign_in_that_ends_here_ends_everywhere_within_a_second(string how)
    {
        await using var other = await OwnCaraway.Start(caraway.Database.Address);
        other.Client.DefaultRequestHeaders.Remove("X-API-Key");
        var person = await caraway.Person();
        var admin = await caraway.Person("admin");
        var path = $"/api/v1/users/{person.UserId}";
        Assert.Equal(200, (await CarawayFixture.Send(other.Client, HttpMethod.Get, path, null, person.Header)).Status);

        var ended = how switch
        {
            "logout" => await caraway.As(person, HttpMethod.Post, "/api/v1/logout"),
            "password" => await caraway.As(admin, HttpMethod.Patch, path, """{"password":"set by the admin"}"""),
            "role" => await caraway.As(admin, HttpMethod.Patch, path, """{"role":"doctor"}"""),
            _ => await caraway.As(admin, HttpMethod.Patch, path, """{"is_active":false}"""),
        };
        Assert.Contains(ended.Status, new[] { 200, 204 });

        (await caraway.As(person, HttpMethod.Get, path)).IsProblem(401, "invalid_token");
        (await caraway.Refresh(person.Refresh)).IsProblem(401, "invalid_refresh_token");
        var clock = Stopwatch.StartNew();
        while ((await CarawayFixture.Send(other.Client, HttpMethod.Get, path, null, person.Header)).Status == 200)
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(1), "The sign-in still holds on the other process.");
            await Task.Delay(20);
        }

        Assert.Equal(200, (await caraway.As(admin, HttpMethod.Get, path)).Status);
    }

    [Fact]
    public async Task Signing_out_ends_this_sign_in_and_no_other()
    {
        var one = await caraway.Person();
        var two = Accounts.Read(one.UserId, one.Email, await caraway.SignIn(one.Email));

        Assert.Equal(204, (await caraway.As(one, HttpMethod.Post, "/api/v1/logout")).Status);

        Assert.Equal(200, (await caraway.As(two, HttpMethod.Get, $"/api/v1/users/{one.UserId}")).Status);
        Assert.EndsWith($"user.signed_out by user:{one.UserId}", await caraway.Events(one.UserId), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_process_that_starts_later_knows_what_ended_before()
    {
        var person = await caraway.Person();
        await caraway.As(person, HttpMethod.Post, "/api/v1/logout");
        await using var later = await OwnCaraway.Start(caraway.Database.Address);
        later.Client.DefaultRequestHeaders.Remove("X-API-Key");

        (await CarawayFixture.Send(later.Client, HttpMethod.Get, $"/api/v1/users/{person.UserId}", null, person.Header)).IsProblem(401, "invalid_token");
    }

    /// <summary>A sign-in that commits while the change waits for the user's row began before the change, and must not survive it.</summary>
    [Fact]
    public async Task A_sign_in_at_the_same_time_as_a_password_change_does_not_survive_it()
    {
        var person = await caraway.Person();
        var admin = await caraway.Person("admin");
        await using var connection = await caraway.Database.Source.OpenConnectionAsync();
        await using var signingIn = await connection.BeginTransactionAsync();
        await Run($"select id from identity.users where id = {person.UserId} for no key update");
        await Run($"insert into identity.sessions (id, user_id, created_at, expires_at) values ('00000000-0000-0000-0000-{person.UserId:000000000000}', {person.UserId}, now(), now() + interval '30 days')");

        var changing = caraway.As(admin, HttpMethod.Patch, $"/api/v1/users/{person.UserId}", """{"password":"set by the admin"}""");
        await Task.Delay(300);
        Assert.False(changing.IsCompleted);
        await signingIn.CommitAsync();

        Assert.Equal(200, (await changing).Status);
        Assert.Equal(0, await caraway.Database.Scalar<long>($"select count(*) from identity.sessions where user_id = {person.UserId} and ended_at is null"));

        async Task Run(string sql)
        {
            await using var command = new Npgsql.NpgsqlCommand(sql, connection, signingIn);
            await command.ExecuteNonQueryAsync();
        }
    }

    [Fact]
    public async Task Of_more_than_a_hundred_sign_ins_the_oldest_ends()
    {
        var person = await caraway.Person();
        await caraway.Database.Execute($"insert into identity.sessions (id, user_id, created_at, expires_at) select gen_random_uuid(), {person.UserId}, now() + n * interval '1 second', now() + interval '30 days' from generate_series(1, 99) n");

        Assert.Equal(200, (await caraway.SignIn(person.Email)).Status);

        Assert.InRange(await caraway.Database.Scalar<long>($"select count(*) from identity.sessions where user_id = {person.UserId} and ended_at is null"), 99, 100);
        (await caraway.Refresh(person.Refresh)).IsProblem(401, "invalid_refresh_token");
    }

    private static string Refresh(Answer answer) => answer.Json.GetProperty("refresh_token").GetString()!;
}
