using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Caraway.Identity;
using Caraway.Identity.Users;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.Options;

namespace Caraway.Tests.Identity.SignIns;

public sealed class SignInTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>, IAsyncLifetime
{
    private const string Path = "/api/v1/login";

    /// <summary>All tests share one address, so they would count each other's failures.</summary>
    public async ValueTask InitializeAsync() => await caraway.Database.Execute("delete from identity.sign_in_attempts");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task The_answer_has_the_fields_of_the_contract()
    {
        var person = await caraway.Person();
        var answer = await caraway.SignIn(person.Email);

        Assert.Equal(
            ["access_token", "token_type", "refresh_token", "expires_in"], answer.Json.EnumerateObject().Select(field => field.Name));
        Assert.Equal("bearer", answer.Json.GetProperty("token_type").GetString());
        Assert.Equal(1800, answer.Json.GetProperty("expires_in").GetInt32());
        Assert.Equal(0, await Attempts());
    }

    [Theory]
    [InlineData("username")]
    [InlineData("email")]
    public async Task The_user_name_has_two_field_names_and_no_case(string field)
    {
        var person = await caraway.Person();
        var body = $$"""{"{{field}}":"{{person.Email.ToUpperInvariant()}}","password":"{{Accounts.Password}}"}""";

        Assert.Equal(200, (await caraway.Anonymously(HttpMethod.Post, Path, body)).Status);
    }

    [Fact]
    public async Task The_OAuth_form_signs_in_as_well()
    {
        var person = await caraway.Person();
        var valid = $"username={person.Email}&password={Uri.EscapeDataString(Accounts.Password)}";

        Assert.Equal(200, (await Form($"grant_type=password&{valid}&scope=")).Status);
        Assert.Equal(200, (await Form(valid)).Status);
        (await Form($"username={person.Email}&password=wrong")).IsProblem(401, "sign_in_failed");
        Assert.Equal(["#/password"], (await Form($"username={person.Email}")).IsProblem(422, "invalid").Pointers);
        var otherGrant = await Form($"grant_type=client_credentials&username={person.Email}&password=x");
        Assert.Equal(["#/grant_type"], otherGrant.IsProblem(422, "invalid").Pointers);
        (await Form("username=a%00b&password=x")).IsProblem(422, "invalid");
    }

    [Theory]
    [InlineData("""{"password":"x"}""", "#/username")]
    [InlineData("""{"username":"x"}""", "#/password")]
    [InlineData("""{"username":7,"password":"x"}""", "#/username")]
    public async Task The_answer_names_a_missing_or_invalid_field(string json, string pointer) =>
        Assert.Equal([pointer], (await caraway.Anonymously(HttpMethod.Post, Path, json)).IsProblem(422, "invalid").Pointers);

    [Fact]
    public async Task Wrong_passwords_unknown_names_and_deactivated_users_get_the_same_answer()
    {
        var person = await caraway.Person();
        var deactivated = await caraway.Person();
        await caraway.Database.Execute($"update identity.users set is_active = false where id = {deactivated.UserId}");
        var answers = new[]
        {
            await caraway.SignIn(person.Email, "wrong"),
            await caraway.SignIn("nobody@example.org"),
            await caraway.SignIn(deactivated.Email),
        };

        Assert.All(answers, answer =>
            Assert.Equal("Incorrect username or password", answer.IsProblem(401, "sign_in_failed").Detail));
        Assert.EndsWith("user.sign_in_failed by anonymous", await caraway.Events(person.UserId), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_name_takes_as_long_as_a_known_one()
    {
        await using var own = await OwnCaraway.Start(caraway.Database.Address, ("Identity:PasswordIterations", "400000"));
        var email = Accounts.NewEmail();
        var user = $$"""{"email":"{{email}}","full_name":"Pat","password":"{{Accounts.Password}}"}""";
        await CarawayFixture.Send(own.Stranger, HttpMethod.Post, "/api/v1/users", user);
        var (known, unknown) = (new List<double>(), new List<double>());
        // A busy machine needs some more rounds. Without a hash, the time of an unknown name would be almost zero in all of them.
        for (var round = 0; round < 4 || (round < 9 && unknown.Min() / known.Min() is < 0.6 or > 1.7); round++)
        {
            known.Add(await MillisecondsToFail(own, email));
            unknown.Add(await MillisecondsToFail(own, "nobody@example.org"));
        }

        Assert.InRange(unknown.Min() / known.Min(), 0.6, 1.7);
    }

    [Fact]
    public async Task Ten_failures_close_one_account_to_one_address()
    {
        var (person, other) = (await caraway.Person(), await caraway.Person());
        for (var tries = 0; tries < 10; tries++)
            (await caraway.SignIn(person.Email, "wrong")).IsProblem(401, "sign_in_failed");

        Assert.InRange(RetryAfter((await caraway.SignIn(person.Email)).IsProblem(429, "too_many_attempts")), 880, 900);
        Assert.Equal(200, (await caraway.SignIn(other.Email)).Status);

        // Every process knows the failures, also one that starts later.
        await using var second = await OwnCaraway.Start(caraway.Database.Address);
        (await SignIn(second, person.Email)).IsProblem(429, "too_many_attempts");

        // Another address is still open, and the window ends.
        await caraway.Database.Execute("update identity.sign_in_attempts set address = '203.0.113.7'");
        Assert.Equal(200, (await caraway.SignIn(person.Email)).Status);
        await caraway.Database.Execute(
            "update identity.sign_in_attempts set address = '127.0.0.1', at = at - interval '15 minutes'");
        Assert.Equal(200, (await caraway.SignIn(person.Email)).Status);
    }

    [Fact]
    public async Task Concurrent_requests_get_no_more_tries_than_consecutive_ones()
    {
        var person = await caraway.Person();

        var answers = await Task.WhenAll(Enumerable.Range(0, 25).Select(_ => caraway.SignIn(person.Email, "wrong")));

        Assert.Equal(10, answers.Count(answer => answer.Status == 401));
        Assert.Equal(15, answers.Count(answer => answer.Status == 429));
    }

    [Fact]
    public async Task A_hundred_failures_close_all_accounts_to_one_address()
    {
        var person = await caraway.Person();
        await caraway.Database.Execute("""
            insert into identity.sign_in_attempts (address, account_hash, at, failed)
            select '127.0.0.1', decode(lpad(n::text, 4, '0'), 'hex'), now() - interval '1 minute', true from generate_series(1, 100) n
            """);

        Assert.InRange(RetryAfter((await caraway.SignIn(person.Email)).IsProblem(429, "too_many_attempts")), 820, 840);
    }

    [Theory]
    [InlineData(null, null, 400)]
    [InlineData("", null, 400)]
    [InlineData("{}", null, 422)]
    [InlineData("{}", ";;;", 415)]
    [InlineData("{}", "text/plain", 415)]
    public async Task A_body_of_an_unknown_or_absent_content_type_signs_nobody_in(string? body, string? type, int status)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Path);
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

    /// <summary>Such an attempt stays pending, because its process was killed.</summary>
    [Fact]
    public async Task An_interrupted_attempt_does_not_count_as_a_failure()
    {
        var person = await caraway.Person();
        for (var tries = 0; tries < 9; tries++)
            await caraway.SignIn(person.Email, "wrong");
        await caraway.Database.Execute("""
            insert into identity.sign_in_attempts (address, account_hash, at)
            select address, account_hash, now() - interval '2 minutes' from identity.sign_in_attempts
            """);

        Assert.Equal(200, (await caraway.SignIn(person.Email)).Status);
    }

    [Fact]
    public async Task Concurrent_sign_ins_with_the_right_password_do_not_count_as_failures()
    {
        var person = await caraway.Person();

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => caraway.SignIn(person.Email)));

        var refused = answers.Where(answer => answer.Status != 200).ToList();
        Assert.All(refused, answer => Assert.Equal((429, 1), (answer.Status, RetryAfter(answer))));
        Assert.InRange(refused.Count, 0, 10);
        Assert.Equal(200, (await caraway.SignIn(person.Email)).Status);
    }

    [Fact]
    public async Task A_request_that_its_caller_cancels_does_not_count_as_a_failure()
    {
        await using var slow = await OwnCaraway.Start(caraway.Database.Address, ("Identity:PasswordIterations", "2000000"));
        for (var tries = 0; tries < 3; tries++)
        {
            using var patience = new CancellationTokenSource(100);
            using var content = new StringContent(
                """{"username":"nobody@example.org","password":"x"}""", Encoding.UTF8, "application/json");
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => slow.Stranger.PostAsync(new Uri(Path, UriKind.Relative), content, patience.Token));
        }

        // The password of the first request was being checked; the waiting requests are forgiven.
        for (var wait = 0; wait < 100 && await Attempts("not failed") > 0; wait++)
            await Task.Delay(100);
        Assert.InRange(await Attempts(), 0, 2);
    }

    [Fact]
    public async Task The_typed_user_name_is_not_stored()
    {
        await caraway.SignIn("my secret password");

        Assert.Equal(0, await Attempts(
            "account_hash = sha256('my secret password'::bytea) or encode(account_hash, 'escape') like '%secret%'"));
        Assert.Equal(1, await Attempts());
    }

    [Fact]
    public async Task A_sign_in_replaces_a_hash_of_another_cost()
    {
        var person = await caraway.Person();
        await using var dearer = await OwnCaraway.Start(caraway.Database.Address, ("Identity:PasswordIterations", "2000"));
        var before = await Hash(person);

        Assert.Equal(200, (await SignIn(dearer, person.Email)).Status);

        Assert.Equal((1000, 2000), (Cost(before), Cost(await Hash(person))));
        Assert.Equal(200, (await caraway.SignIn(person.Email)).Status);
    }

    [Fact]
    public async Task Too_many_waiting_passwords_are_refused()
    {
        using var passwords = new Passwords(Options.Create(new IdentityOptions { PasswordIterations = 100_000 }));

        var hashes = await Task.WhenAll(Enumerable.Range(0, Passwords.MostWaiting + 1 + 5).Select(_ => passwords.Hash("x", default)));

        Assert.Equal(5, hashes.Count(hash => hash is null));
        Assert.NotNull(await passwords.Hash("x", default));
    }

    [Fact]
    public async Task Registrations_do_not_delay_sign_ins()
    {
        using var passwords = new Passwords(Options.Create(new IdentityOptions { PasswordIterations = 100_000 }));
        var registering = Enumerable.Range(0, 20).Select(_ => passwords.Hash("x", default)).ToList();

        Assert.False((await passwords.Verify(null, "x", default))!.Value.IsRight);

        Assert.False(registering[^1].IsCompleted);
        await Task.WhenAll(registering);
    }

    [Fact]
    public void The_default_cost_is_at_least_that_of_OWASP() =>
        Assert.InRange(new IdentityOptions().PasswordIterations, IdentityOptions.LeastPasswordIterations, int.MaxValue);

    private static int RetryAfter(Answer answer) => int.Parse(answer.Headers["Retry-After"], CultureInfo.InvariantCulture);

    private static Task<Answer> SignIn(OwnCaraway own, string email, string password = Accounts.Password) =>
        CarawayFixture.Send(own.Stranger, HttpMethod.Post, Path, $$"""{"username":"{{email}}","password":"{{password}}"}""");

    private static async Task<double> MillisecondsToFail(OwnCaraway own, string email)
    {
        var clock = Stopwatch.StartNew();
        (await SignIn(own, email, "wrong")).IsProblem(401, "sign_in_failed");
        return clock.Elapsed.TotalMilliseconds;
    }

    private async Task<string> Hash(Accounts.SignedIn person) =>
        (await caraway.Database.Scalar<string>($"select password_hash from identity.users where id = {person.UserId}"))!;

    private Task<long> Attempts(string condition = "true") =>
        caraway.Database.Scalar<long>($"select count(*) from identity.sign_in_attempts where {condition}");

    /// <summary>In format 3, a byte of version and the function come before the iterations, which are big-endian.</summary>
    private static int Cost(string hash) => BinaryPrimitives.ReadInt32BigEndian(Convert.FromBase64String(hash).AsSpan(5));

    private async Task<Answer> Form(string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/x-www-form-urlencoded");
        using var response = await caraway.Stranger.PostAsync(new Uri(Path, UriKind.Relative), content);
        return await Answer.Read(response);
    }
}
