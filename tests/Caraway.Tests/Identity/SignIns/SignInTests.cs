using System.Diagnostics;
using System.Text;
using Caraway.Identity;
using Caraway.Identity.SignIns;
using Caraway.Identity.Users;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Identity.SignIns;

public sealed class SignInTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>, IAsyncLifetime
{
    /// <summary>All tests come from one address.</summary>
    public async ValueTask InitializeAsync() => await caraway.Database.Execute("delete from identity.sign_in_attempts");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task The_answer_is_to_the_letter()
    {
        var person = await caraway.Person();
        var answer = await caraway.SignIn(person.Email);

        Assert.Equal(["access_token", "token_type", "refresh_token", "expires_in"], answer.Json.EnumerateObject().Select(p => p.Name));
        Assert.Equal(("bearer", 1800), (answer.Json.GetProperty("token_type").GetString(), answer.Json.GetProperty("expires_in").GetInt32()));
        Assert.Equal(0, await caraway.Database.Scalar<long>("select count(*) from identity.sign_in_attempts"));
    }

    [Theory]
    [InlineData("username")]
    [InlineData("email")]
    public async Task The_user_name_has_two_names_and_no_case(string field)
    {
        var person = await caraway.Person();

        Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Post, "/api/v1/login", $$"""{"{{field}}":"{{person.Email.ToUpperInvariant()}}","password":"{{Accounts.Password}}"}""")).Status);
    }

    [Fact]
    public async Task The_OAuth_form_signs_in_as_well()
    {
        var person = await caraway.Person();

        Assert.Equal(200, (await Form($"grant_type=password&username={person.Email}&password={Uri.EscapeDataString(Accounts.Password)}&scope=")).Status);
        Assert.Equal(200, (await Form($"username={person.Email}&password={Uri.EscapeDataString(Accounts.Password)}")).Status);
        (await Form($"username={person.Email}&password=wrong")).IsProblem(401, "sign_in_failed");
        Assert.Equal(["#/password"], (await Form($"username={person.Email}")).IsProblem(422, "invalid").Pointers);
        Assert.Equal(["#/grant_type"], (await Form($"grant_type=client_credentials&username={person.Email}&password=x")).IsProblem(422, "invalid").Pointers);
        (await Form("username=a%00b&password=x")).IsProblem(422, "invalid");
    }

    [Theory]
    [InlineData("""{"password":"x"}""", "#/username")]
    [InlineData("""{"username":"x"}""", "#/password")]
    [InlineData("""{"username":7,"password":"x"}""", "#/username")]
    public async Task What_is_missing_is_named(string json, string pointer) =>
        Assert.Equal([pointer], (await caraway.Anonymously(HttpMethod.Post, "/api/v1/login", json)).IsProblem(422, "invalid").Pointers);

    [Fact]
    public async Task A_wrong_password_an_unknown_name_and_a_deactivated_user_get_one_answer()
    {
        var person = await caraway.Person();
        var gone = await caraway.Person();
        await caraway.Database.Execute($"update identity.users set is_active = false where id = {gone.UserId}");

        foreach (var answer in new[] { await caraway.SignIn(person.Email, "wrong"), await caraway.SignIn("nobody@example.org"), await caraway.SignIn(gone.Email) })
            Assert.Equal("Incorrect username or password", answer.IsProblem(401, "sign_in_failed").Detail);
        Assert.EndsWith("user.sign_in_failed by anonymous", await caraway.Events(person.UserId), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_name_costs_a_hash_too()
    {
        await using var own = await OwnCaraway.Start(caraway.Database.Address, ("Identity:PasswordIterations", "400000"));
        own.Client.DefaultRequestHeaders.Remove("X-API-Key");
        var email = Accounts.NewEmail();
        await CarawayFixture.Send(own.Client, HttpMethod.Post, "/api/v1/users", $$"""{"email":"{{email}}","full_name":"Pat","password":"{{Accounts.Password}}"}""");
        var (known, unknown) = (new List<double>(), new List<double>());
        // A busy machine needs a few more; without a hash it would be next to nothing in all of them.
        for (var round = 0; round < 4 || (round < 9 && unknown.Min() / known.Min() is < 0.6 or > 1.7); round++)
        {
            known.Add(await Time(own, email));
            unknown.Add(await Time(own, "nobody@example.org"));
        }

        Assert.InRange(unknown.Min() / known.Min(), 0.6, 1.7);
    }

    [Fact]
    public async Task Ten_failures_close_an_account_to_one_address_and_to_no_other_account()
    {
        var (person, other) = (await caraway.Person(), await caraway.Person());
        for (var tries = 0; tries < 10; tries++)
            (await caraway.SignIn(person.Email, "wrong")).IsProblem(401, "sign_in_failed");

        var refused = (await caraway.SignIn(person.Email)).IsProblem(429, "too_many_attempts");
        Assert.InRange(int.Parse(refused.Headers["Retry-After"], System.Globalization.CultureInfo.InvariantCulture), 880, 900);
        Assert.Equal(200, (await caraway.SignIn(other.Email)).Status);

        // Another process, after this one ended, knows it as well.
        await using var second = await OwnCaraway.Start(caraway.Database.Address);
        second.Client.DefaultRequestHeaders.Remove("X-API-Key");
        (await CarawayFixture.Send(second.Client, HttpMethod.Post, "/api/v1/login", $$"""{"username":"{{person.Email}}","password":"{{Accounts.Password}}"}""")).IsProblem(429, "too_many_attempts");

        // Another address is not closed, and the window ends.
        await caraway.Database.Execute("update identity.sign_in_attempts set address = '203.0.113.7'");
        Assert.Equal(200, (await caraway.SignIn(person.Email)).Status);
        await caraway.Database.Execute("update identity.sign_in_attempts set address = '127.0.0.1', at = at - interval '15 minutes'");
        Assert.Equal(200, (await caraway.SignIn(person.Email)).Status);
    }

    [Fact]
    public async Task Many_at_once_get_no_more_tries_than_one_after_the_other()
    {
        var person = await caraway.Person();

        var answers = await Task.WhenAll(Enumerable.Range(0, 25).Select(_ => caraway.SignIn(person.Email, "wrong")));

        Assert.Equal(10, answers.Count(answer => answer.Status == 401));
        Assert.Equal(15, answers.Count(answer => answer.Status == 429));
    }

    [Fact]
    public async Task A_hundred_failures_close_an_address_to_all_accounts()
    {
        var person = await caraway.Person();
        await caraway.Database.Execute("insert into identity.sign_in_attempts (address, account_hash, at, failed) select '127.0.0.1', decode(lpad(n::text, 4, '0'), 'hex'), now() - interval '1 minute', true from generate_series(1, 100) n");

        var refused = (await caraway.SignIn(person.Email)).IsProblem(429, "too_many_attempts");
        Assert.InRange(int.Parse(refused.Headers["Retry-After"], System.Globalization.CultureInfo.InvariantCulture), 820, 840);
    }

    [Theory]
    [InlineData(null, null, 400)]
    [InlineData("", null, 400)]
    [InlineData("{}", null, 422)]
    [InlineData("{}", ";;;", 415)]
    [InlineData("{}", "text/plain", 415)]
    public async Task A_body_of_an_unknown_or_absent_content_type_signs_nobody_in(string? body, string? type, int status)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/login");
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            if (type is not null)
                request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        }

        using var response = await caraway.Stranger.SendAsync(request);
        Assert.Equal(status, (int)response.StatusCode);
    }

    [Fact]
    public async Task A_form_of_absurd_size_is_refused()
    {
        (await Form(string.Join('&', Enumerable.Range(0, 2000).Select(n => $"a{n}=1")))).IsProblem(422, "invalid");
        (await Form(new string('k', 4000) + "=1")).IsProblem(422, "invalid");
    }

    /// <summary>What was at work when its process was killed ended in neither way.</summary>
    [Fact]
    public async Task An_attempt_that_was_cut_off_is_no_failure()
    {
        var person = await caraway.Person();
        for (var tries = 0; tries < 9; tries++)
            await caraway.SignIn(person.Email, "wrong");
        await caraway.Database.Execute("insert into identity.sign_in_attempts (address, account_hash, at) select address, account_hash, now() - interval '2 minutes' from identity.sign_in_attempts");

        Assert.Equal(200, (await caraway.SignIn(person.Email)).Status);
    }

    [Fact]
    public async Task Many_right_sign_ins_at_once_are_no_failures()
    {
        var person = await caraway.Person();

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => caraway.SignIn(person.Email)));

        Assert.All(answers.Where(answer => answer.Status != 200), answer => Assert.Equal((429, "1"), (answer.Status, answer.Headers["Retry-After"])));
        Assert.True(answers.Count(answer => answer.Status == 200) >= 10);
        Assert.Equal(200, (await caraway.SignIn(person.Email)).Status);
    }

    [Fact]
    public async Task A_caller_who_goes_away_has_not_failed()
    {
        await using var slow = await OwnCaraway.Start(caraway.Database.Address, ("Identity:PasswordIterations", "2000000"));
        slow.Client.DefaultRequestHeaders.Remove("X-API-Key");
        for (var tries = 0; tries < 3; tries++)
        {
            using var patience = new CancellationTokenSource(100);
            using var content = new StringContent("""{"username":"nobody@example.org","password":"x"}""", Encoding.UTF8, "application/json");
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => slow.Client.PostAsync(new Uri("/api/v1/login", UriKind.Relative), content, patience.Token));
        }

        // The first was at work, and its answer is "wrong" to nobody; those that waited are forgiven.
        for (var wait = 0; wait < 100 && await caraway.Database.Scalar<long>("select count(*) from identity.sign_in_attempts where not failed") > 0; wait++)
            await Task.Delay(100);
        Assert.InRange(await caraway.Database.Scalar<long>("select count(*) from identity.sign_in_attempts"), 0, 2);
    }

    [Fact]
    public async Task What_was_typed_as_a_name_is_not_kept()
    {
        await caraway.SignIn("my secret password");

        Assert.Equal(0, await caraway.Database.Scalar<long>("select count(*) from identity.sign_in_attempts where account_hash = sha256('my secret password'::bytea) or encode(account_hash, 'escape') like '%secret%'"));
        Assert.Equal(1, await caraway.Database.Scalar<long>("select count(*) from identity.sign_in_attempts"));
    }

    [Fact]
    public async Task A_hash_of_another_cost_is_made_anew_when_its_password_is_seen()
    {
        var person = await caraway.Person();
        await using var dearer = await OwnCaraway.Start(caraway.Database.Address, ("Identity:PasswordIterations", "2000"));
        dearer.Client.DefaultRequestHeaders.Remove("X-API-Key");
        var before = await Hash(person);

        Assert.Equal(200, (await CarawayFixture.Send(dearer.Client, HttpMethod.Post, "/api/v1/login", $$"""{"username":"{{person.Email}}","password":"{{Accounts.Password}}"}""")).Status);

        Assert.Equal((1000, 2000), (Cost(before), Cost(await Hash(person))));
        Assert.Equal(200, (await caraway.SignIn(person.Email)).Status);
    }

    [Fact]
    public async Task More_sign_ins_than_can_wait_are_told_to_come_back()
    {
        using var passwords = new Passwords(Microsoft.Extensions.Options.Options.Create(new IdentityOptions { PasswordIterations = 100_000 }));

        var hashes = await Task.WhenAll(Enumerable.Range(0, Passwords.MostWaiting + 1 + 5).Select(_ => passwords.Hash("x", default)));

        Assert.Equal(5, hashes.Count(hash => hash is null));
        Assert.NotNull(await passwords.Hash("x", default));

        // And those who register keep nobody from signing in.
        var registering = Enumerable.Range(0, 20).Select(_ => passwords.Hash("x", default)).ToList();
        Assert.False((await passwords.Verify(null, "x", default))!.Value.IsRight);
        Assert.False(registering[^1].IsCompleted);
        await Task.WhenAll(registering);
    }

    [Fact]
    public void The_default_cost_is_OWASPs_or_more() => Assert.True(new IdentityOptions().PasswordIterations >= IdentityOptions.LeastPasswordIterations);

    private static async Task<double> Time(OwnCaraway own, string email)
    {
        var clock = Stopwatch.StartNew();
        (await CarawayFixture.Send(own.Client, HttpMethod.Post, "/api/v1/login", $$"""{"username":"{{email}}","password":"wrong"}""")).IsProblem(401, "sign_in_failed");
        return clock.Elapsed.TotalMilliseconds;
    }

    private async Task<string> Hash(Accounts.SignedIn person) => (await caraway.Database.Scalar<string>($"select password_hash from identity.users where id = {person.UserId}"))!;

    /// <summary>Format 3: a byte of version, the function, and the iterations, big-endian.</summary>
    private static int Cost(string hash) => System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(Convert.FromBase64String(hash).AsSpan(5));

    private async Task<Answer> Form(string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/x-www-form-urlencoded");
        using var response = await caraway.Stranger.PostAsync(new Uri("/api/v1/login", UriKind.Relative), content);
        return await Answer.Read(response);
    }
}
