using System.Security.Cryptography;
using Caraway.Identity.Tokens;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Identity;

/// <summary>Users and their sign-ins, for tests of any module.</summary>
internal static class Accounts
{
    public const string Password = "a good long phrase";

    private static int drawn;

    internal sealed record SignedIn(long UserId, string Email, string Access, string Refresh)
    {
        public (string, string) Header => ("Authorization", "Bearer " + Access);
    }

    public static string NewEmail() =>
        $"person{Interlocked.Increment(ref drawn)}.{RandomNumberGenerator.GetHexString(6, lowercase: true)}@example.org";

    /// <summary>Registers a user, gives them the role, and signs them in.</summary>
    public static async Task<SignedIn> Person(this CarawayFixture caraway, string role = "patient", string name = "Pat Doe")
    {
        var email = NewEmail();
        var user = $$"""{"email":"{{email}}","full_name":{{CarawayFixture.Quote(name)}},"password":"{{Password}}"}""";
        var registered = await caraway.Anonymously(HttpMethod.Post, "/api/v1/users", user);
        Assert.Equal(201, registered.Status);
        var id = registered.Json.GetProperty("id").GetInt64();
        if (role != "patient")
            await caraway.Database.Execute($"update identity.users set role = '{role}' where id = {id}");
        return Read(id, email, await caraway.SignIn(email));
    }

    public static Task<Answer> SignIn(this CarawayFixture caraway, string email, string password = Password) =>
        caraway.Anonymously(
            HttpMethod.Post, "/api/v1/login",
            $$"""{"username":{{CarawayFixture.Quote(email)}},"password":{{CarawayFixture.Quote(password)}}}""");

    public static Task<Answer> Refresh(this CarawayFixture caraway, string token) =>
        caraway.Anonymously(HttpMethod.Post, "/api/v1/refresh", $$"""{"refresh_token":{{CarawayFixture.Quote(token)}}}""");

    /// <summary>Makes a one-time address for the user's new password.</summary>
    /// <returns>Its path.</returns>
    public static async Task<string> NewReset(this CarawayFixture caraway, SignedIn admin, long user)
    {
        var created = await caraway.As(admin, HttpMethod.Post, $"/api/v1/users/{user}/password-reset");
        Assert.Equal(201, created.Status);
        return new Uri(created.Json.GetProperty("url").GetString()!).AbsolutePath;
    }

    public static Task<Answer> Anonymously(
        this CarawayFixture caraway, HttpMethod method, string path, string? json, params (string, string)[] headers) =>
        CarawayFixture.Send(caraway.Stranger, method, path, json, headers);

    public static Task<Answer> As(
        this CarawayFixture caraway, SignedIn caller, HttpMethod method, string path, string? json = null,
        params (string, string)[] headers) =>
        CarawayFixture.Send(caraway.Stranger, method, path, json, [caller.Header, .. headers]);

    public static SignedIn Read(long id, string email, Answer answer)
    {
        Assert.Equal(200, answer.Status);
        string Token(string name) => answer.Json.GetProperty(name).GetString()!;
        return new SignedIn(id, email, Token("access_token"), Token("refresh_token"));
    }

    /// <summary>Issues a token of any role, for a sign-in that does not exist.</summary>
    public static Task<string> Token(this CarawayFixture caraway, string role, long user = 999_999_999)
    {
        var expires = TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(30);
        var grant = new AccessTokens.Grant(user, role, new Guid(RandomNumberGenerator.GetBytes(16)), expires);
        return caraway.Services.GetRequiredService<AccessTokens>().Issue(grant, default);
    }

    /// <summary>The names and actors of a user's events, oldest first.</summary>
    public static async Task<string> Events(this CarawayFixture caraway, long user) =>
        await caraway.Database.Scalar<string>($"""
            select string_agg(name || ' by ' || actor, ', ' order by id) from platform.events where subject = 'identity.user:{user}'
            """) ?? "";
}
