using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Identity.Users;

public sealed class RegisterUserTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_caller_without_a_credential_registers_as_a_patient()
    {
        var email = Accounts.NewEmail();

        var answer = await Register(email);

        Assert.Equal(201, answer.Status);
        var id = answer.Json.GetProperty("id").GetInt64();
        Assert.Equal($"/api/v1/users/{id}", answer.Headers["Location"]);
        Assert.Equal(
            ["id", "email", "full_name", "role", "is_active", "created_at", "updated_at"],
            answer.Json.EnumerateObject().Select(field => field.Name));
        Assert.Equal((email, "Pat"), (answer.Json.GetProperty("email").GetString(), answer.Json.GetProperty("full_name").GetString()));
        Assert.Equal(("patient", true), (answer.Json.GetProperty("role").GetString(), answer.Json.GetProperty("is_active").GetBoolean()));
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
    public async Task One_of_many_concurrent_registrations_gets_the_address()
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
    public async Task The_answer_names_an_invalid_field_and_does_not_repeat_its_value(string json, string pointer)
    {
        var answer = (await caraway.Anonymously(HttpMethod.Post, "/api/v1/users", json)).IsProblem(422, "invalid");

        Assert.Contains(pointer, answer.Pointers);
        Assert.DoesNotContain("1234567", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Passwords_of_8_to_128_characters_are_accepted()
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
        Task<Answer> RegisterDoctor(params (string, string)[] headers) => Register(Accounts.NewEmail(), role: "doctor", headers: headers);

        (await RegisterDoctor()).IsProblem(403, "not_permitted");
        (await RegisterDoctor(caseworker.Header)).IsProblem(403, "not_permitted");
        (await RegisterDoctor(("X-API-Key", CarawayFixture.ApiKey))).IsProblem(403, "not_permitted");
        (await RegisterDoctor(("Authorization", "Bearer nonsense"))).IsProblem(401, "invalid_token");
        var registered = await RegisterDoctor(admin.Header);
        Assert.Equal((201, "doctor"), (registered.Status, registered.Json.GetProperty("role").GetString()));
        Assert.Equal($"user.registered by user:{admin.UserId}", await caraway.Events(registered.Json.GetProperty("id").GetInt64()));
    }

    [Fact]
    public async Task A_repeated_registration_with_an_idempotency_key_gets_the_first_answer()
    {
        var admin = await caraway.Person("admin");
        var email = Accounts.NewEmail();

        var first = await Register(email, headers: [admin.Header, ("Idempotency-Key", "k1")]);
        var again = await Register(email, headers: [admin.Header, ("Idempotency-Key", "k1")]);

        Assert.Equal((201, first.Body, "true"), (again.Status, again.Body, again.Headers["Idempotent-Replayed"]));
    }

    [Fact]
    public async Task The_idempotency_key_of_a_caller_without_a_credential_is_ignored()
    {
        Assert.Equal(201, (await Register(Accounts.NewEmail(), headers: ("Idempotency-Key", "k2"))).Status);
        Assert.Equal(201, (await Register(Accounts.NewEmail(), headers: ("Idempotency-Key", "k2"))).Status);
    }

    [Fact]
    public async Task A_setting_closes_self_registration()
    {
        await using var own = await OwnCaraway.Start(caraway.Database.Address, ("Identity:SelfRegistration", "false"));

        var body = Body(Accounts.NewEmail(), Accounts.Password);
        var answer = await CarawayFixture.Send(own.Stranger, HttpMethod.Post, "/api/v1/users", body);

        answer.IsProblem(403, "not_permitted");
    }

    [Fact]
    public async Task Events_and_answers_contain_neither_the_password_nor_its_hash()
    {
        var person = await caraway.Person();
        var hash = await caraway.Database.Scalar<string>($"select password_hash from identity.users where id = {person.UserId}");
        var leaks = await caraway.Database.Scalar<long>(
            $"select count(*) from platform.events where payload like '%{Accounts.Password}%' or payload like '%@%'");

        Assert.DoesNotContain(Accounts.Password, hash, StringComparison.Ordinal);
        var read = await caraway.As(person, HttpMethod.Get, $"/api/v1/users/{person.UserId}");
        Assert.DoesNotContain(hash!, read.Body, StringComparison.Ordinal);
        Assert.Equal(0, leaks);
    }

    private static string Body(string email, string password, string? role = null)
    {
        var roleField = role is null ? "" : $",\"role\":\"{role}\"";
        return $$"""{"email":"{{email}}","full_name":"Pat","password":{{CarawayFixture.Quote(password)}}{{roleField}}}""";
    }

    private Task<Answer> Register(
        string email, string password = Accounts.Password, string? role = null, params (string, string)[] headers) =>
        caraway.Anonymously(HttpMethod.Post, "/api/v1/users", Body(email, password, role), headers);
}
