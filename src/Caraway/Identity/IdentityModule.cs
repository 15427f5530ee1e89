using Caraway.Identity.Contracts;
using Caraway.Identity.Keys;
using Caraway.Identity.SignIns;
using Caraway.Identity.Tokens;
using Caraway.Identity.Users;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Search;
using Caraway.Platform.Security;

namespace Caraway.Identity;

/// <summary>Users, sign-ins, tokens and API keys: every route with its permission, and every registration.</summary>
internal static class IdentityModule
{
    /// <param name="apiKey">The API key of the environment (<c>API_KEY</c>).</param>
    public static IServiceCollection AddIdentity(this IServiceCollection services, string apiKey)
    {
        services.AddOptions<IdentityOptions>().BindConfiguration("Identity").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<UserNameCache>();
        services.AddSingleton<LinkedActors>();
        services.AddSingleton<Passwords>();
        services.AddSingleton<SignInThrottle>();
        services.AddSingleton<RefreshToken>();
        services.AddSingleton<AccessTokens>();
        services.AddScoped<SignIn.Dependencies>();
        services.AddSingleton<SigningKeys>();
        services.AddHostedService(provider => provider.GetRequiredService<SigningKeys>());
        services.AddSingleton<EndedSessions>();
        services.AddHostedService(provider => provider.GetRequiredService<EndedSessions>());
        services.AddSingleton<IdentityCleanup>();
        services.AddHostedService(provider => provider.GetRequiredService<IdentityCleanup>());
        services.AddEventHandler<IndexUserWords>();
        services.AddSearchSource<SearchUsers>();
        services.AddSingleton(new EnvironmentKey(apiKey));
        // Their order decides: a bearer token comes before a key, and both come before the headers of a gateway.
        services.AddCredential<BearerToken>();
        services.AddCredential<ApiKeys>();
        services.AddCredential<Gateway>();
        return services;
    }

    public static void MapIdentity(this IEndpointRouteBuilder app)
    {
        var routes = app.MapGroup("").WithTags("Identity");

        routes.MapPost("/api/v1/users", RegisterUser.Handle)
            .AllowAnonymous()
            .WithMetadata(new CallerMatters())
            .AddEndpointFilter<RegisterUser.HashFirst>()
            .TakesIdempotencyKey()
            .Refuses(400, 401, 403, 409, 413, 415, 422, 503)
            .WithSummary("Register as a patient, or register any user as an administrator")
            .WithExample("""{"email": "ada@example.org", "full_name": "Ada Lovelace", "password": "quiet harbour lamp"}""", "patient")
            .WithExample("""
                {"email": "ignaz@example.org", "full_name": "Ignaz Semmelweis", "password": "clean hands first", "role": "doctor"}
                """, "doctor");

        routes.MapGet("/api/v1/users", ListUsers.Handle)
            .Needs(IdentityPermissions.UsersManage)
            .Refuses(401, 403, 422)
            .WithSummary("List users, newest first");

        routes.MapGet("/api/v1/users/{id}", GetUser.Handle)
            .Needs(IdentityPermissions.AccountRead, or: IdentityPermissions.UsersRead)
            .Refuses(401, 403, 404)
            .WithSummary("Get a user");

        routes.MapPatch("/api/v1/users/{id}", UpdateUser.Handle)
            .Needs(IdentityPermissions.AccountWrite, or: IdentityPermissions.UsersManage)
            .WithMetadata(new TakesIfMatch())
            .Refuses(400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503)
            .WithSummary("Change a user")
            .WithExample("""{"full_name": "Ada King"}""");

        routes.MapPost("/api/v1/users/{id}/password-reset", CreatePasswordReset.Handle)
            .Needs(IdentityPermissions.UsersManage)
            .Refuses(401, 403, 404, 409)
            .WithSummary("Make a one-time address for a user's new password");

        routes.MapGet("/api/v1/password-resets/{token}", RedeemPasswordReset.Explain)
            .AllowAnonymous()
            .Refuses(404, 429)
            .WithSummary("Say how to set a new password with a one-time address");

        routes.MapPost("/api/v1/password-resets/{token}", RedeemPasswordReset.Handle)
            .AllowAnonymous()
            .Refuses(400, 404, 413, 415, 422, 429, 503)
            .WithSummary("Set a new password with a one-time address")
            .WithExample("""{"password": "quiet harbour lamp"}""");

        routes.MapPut("/api/v1/users/{id}/gateway-id", LinkGateway.Handle)
            .Needs(IdentityPermissions.UsersManage)
            .Refuses(400, 401, 403, 404, 409, 413, 415, 422)
            .WithSummary("Link a user with a gateway's user")
            .WithExample("""{"gateway_id": "ada.lovelace"}""");

        routes.MapDelete("/api/v1/users/{id}/gateway-id", UnlinkGateway.Handle)
            .Needs(IdentityPermissions.UsersManage)
            .Refuses(401, 403, 404)
            .WithSummary("End a user's link with a gateway's user");

        routes.MapPost("/api/v1/login", SignIn.Handle)
            .AllowAnonymous()
            .Refuses(400, 401, 413, 415, 422, 429, 503)
            .WithSummary("Sign in with user name and password")
            .WithExample("""{"username": "ada@example.org", "password": "quiet harbour lamp"}""")
            .WithForm(
                """{"grant_type": "password", "username": "ada@example.org", "password": "quiet harbour lamp"}""",
                "username",
                "password");

        // Comes second, so that a body without a content type goes to the JSON route.
        routes.MapPost("/api/v1/login", SignIn.HandleForm)
            .AllowAnonymous()
            .Accepts<SignIn.Request>("application/x-www-form-urlencoded")
            .DisableAntiforgery()
            .WithOrder(1)
            .ExcludeFromDescription();

        routes.MapPost("/api/v1/refresh", RefreshSession.Handle)
            .AllowAnonymous()
            .Refuses(400, 401, 413, 415, 422)
            .WithSummary("Exchange a refresh token for a new access token")
            .WithExample("""{"refresh_token": "the refresh_token that the sign-in answered"}""");

        routes.MapPost("/api/v1/logout", SignOut.Handle)
            .Needs(IdentityPermissions.AccountWrite)
            .Refuses(401, 403)
            .WithSummary("Sign out and revoke the tokens of this sign-in");

        routes.MapGet("/.well-known/jwks.json", PublishKeys.Handle)
            .AllowAnonymous()
            .WithSummary("Get the public keys of access tokens");
    }
}
