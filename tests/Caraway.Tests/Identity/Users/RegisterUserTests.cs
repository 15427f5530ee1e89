using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform;

namespace Caraway.Tests.Identity.Users;

public sealed class RegisterUserTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_stranger_registers_as_a_patient()
    {
        var email = Accounts.NewEmail();

        var answer = await Register(email);

        Assert.Equal(201, answer.Status);
        var id = answer.Json.GetProperty("id").GetInt64();
        Assert.Equal($"/api/v1/users/{id}", answer.Headers["Location"]);
        Assert.Equal(["id", "email", "full_name", "role", "is_active", "created_at", "updated_at"], answer.Json.EnumerateObject().Select(p => p.Name));
        Assert.Equal((email, "Pat", "patient", true), (answer.Json.GetProperty("email").GetString(), answer.Json.GetProperty("full_name").GetString(), answer.Json.GetProperty("role").GetString(), answer.Json.GetProperty("is_active").GetBoolean()));
        Assert.Equal($"user.registered by user:{id}", await caraway.Events(id));
    }

    [Fact]
    public async Task A_taken_address_is_refused_whatever_its_case()
    {
        var email = Accounts.NewEmail();
        await Register(email);

        Assert.Equal("Email already registered", (await Register(email.ToUpperInvariant())).IsProblem(409, "email_registered").Detail);
    }

    [Fact]
    public async Task Of_many_at_once_one_gets_the_address()
    {
        var email = Accounts.NewEmail();

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Register(email)));

        Assert.Equal([201, 409, 409, 409, 409, 409, 409, 409], answers.Select(answer => answer.Status).Order());
    }

    [Theory]
    [InlineData("""{"full_name":"Pat","password":"a good long phrase"}""", "#/email")]
    [InlineData("""{"email":"nobody","full_name":"Pat","password":"a good long phrase"}""", "#/email")]
    [InlineData("""{"email":"x@example.org","full_name":" ","password":"a good long phrase"}""", "#/full_name")]
    [InlineData("""{"email":"x@example.org","full_name":"Pat"}""", "#/password")]
    [InlineData("""{"email":"x@example.org","full_name":"Pat","password":"1234567"}""", "#/password")]
    [InlineData("""{"email":"x@example.org","full_name":"Pat","password":"PassWord1"}""", "#/password")]
    [InlineData("""{"email":"x@example.org","full_name":"Pat","password":"qwertyuiop"}""", "#/password")]
    [InlineData("""{"email":"x@example.org","full_name":"Pat","password":"a good long phrase","role":"king"}""", "#/role")]
    public async Task What_does_not_fit_is_named(string json, string pointer)
    {
        var answer = (await caraway.Anonymously(HttpMethod.Post, "/api/v1/users", json)).IsProblem(422, "invalid");

        Assert.Contains(pointer, answer.Pointers);
        Assert.DoesNotContain("1234567", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Passwords_of_8_and_of_128_characters_are_taken_and_one_more_is_not()
    {
        Assert.Equal(201, (await Register(Accounts.NewEmail(), password: "zk3$wq9x")).Status);
        Assert.Equal(201, (await Register(Accounts.NewEmail(), password: string.Concat(Enumerable.Repeat("😀", 128)))).Status);
        (await Register(Accounts.NewEmail(), password: new string('x', 129))).IsProblem(422, "invalid");
    }

    [Fact]
    public async Task Only_an_administrator_registers_other_roles()
    {
        var caseworker = await caraway.Person("caseworker");
        var admin = await caraway.Person("admin");

        (await Register(Accounts.NewEmail(), role: "doctor")).IsProblem(403, "not_permitted");
        (await Register(Accounts.NewEmail(), role: "doctor", headers: caseworker.Header)).IsProblem(403, "not_permitted");
        (await Register(Accounts.NewEmail(), role: "doctor", headers: ("X-API-Key", CarawayFixture.ApiKey))).IsProblem(403, "not_permitted");
        (await Register(Accounts.NewEmail(), role: "doctor", headers: ("Authorization", "Bearer nonsense"))).IsProblem(401, "invalid_token");
        var made = await Register(Accounts.NewEmail(), role: "doctor", headers: admin.Header);
        Assert.Equal((201, "doctor"), (made.Status, made.Json.GetProperty("role").GetString()));
        Assert.Equal($"user.registered by user:{admin.UserId}", await caraway.Events(made.Json.GetProperty("id").GetInt64()));
    }

    [Fact]
    public async Task A_repeated_registration_with_a_key_gets_the_first_answer_and_a_strangers_key_is_ignored()
    {
        var admin = await caraway.Person("admin");
        var email = Accounts.NewEmail();

        var first = await Register(email, headers: [admin.Header, ("Idempotency-Key", "k1")]);
        var again = await Register(email, headers: [admin.Header, ("Idempotency-Key", "k1")]);
        Assert.Equal((201, first.Body, "true"), (again.Status, again.Body, again.Headers["Idempotent-Replayed"]));

        Assert.Equal(201, (await Register(Accounts.NewEmail(), headers: ("Idempotency-Key", "k2"))).Status);
        Assert.Equal(201, (await Register(Accounts.NewEmail(), headers: ("Idempotency-Key", "k2"))).Status);
    }

    [Fact]
    public async Task A_setting_closes_self_registration()
    {
        await using var own = await OwnCaraway.Start(caraway.Database.Address, ("Identity:SelfRegistration", "false"));
        own.Client.DefaultRequestHeaders.Remove("X-API-Key");

        (await CarawayFixture.Send(own.Client, HttpMethod.Post, "/api/v1/users", $$"""{"email":"{{Accounts.NewEmail()}}","full_name":"Pat","password":"{{Accounts.Password}}"}""")).IsProblem(403, "not_permitted");
    }

    [Fact]
    public async Task Neither_the_password_nor_its_hash_is_in_an_event_or_an_answer()
    {
        var person = await caraway.Person();

        var kept = await caraway.Database.Scalar<string>($"select password_hash from identity.users where id = {person.UserId}");
        Assert.DoesNotContain(Accounts.Password, kept, StringComparison.Ordinal);
        Assert.DoesNotContain(kept!, (await caraway.As(person, HttpMethod.Get, $"/api/v1/users/{person.UserId}")).Body, StringComparison.Ordinal);
        Assert.Equal(0, await caraway.Database.Scalar<long>($"select count(*) from platform.events where payload like '%{Accounts.Password}%' or payload like '%@%'"));
    }

    private Task<Answer> Register(string email, string password = Accounts.Password, string? role = null, params (string, string)[] headers) =>
        caraway.Anonymously(HttpMethod.Post, "/api/v1/users", $$"""{"email":"{{email}}","full_name":"Pat","password":{{CarawayFixture.Quote(password)}}{{(role is null ? "" : $",\"role\":\"{role}\"")}}}""", headers);
}
