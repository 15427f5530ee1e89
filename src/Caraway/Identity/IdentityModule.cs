using Caraway.Identity.Contracts;
using Caraway.Identity.Keys;
using Caraway.Identity.SignIns;
using Caraway.Identity.Tokens;
using Caraway.Identity.Users;
using Caraway.Platform.Http;
using Caraway.Platform.Security;

namespace Caraway.Identity;

/// <summary>Who is calling: users, sign-ins, tokens, keys. Every route, with its permission, and every registration.</summary>
internal static class IdentityModule
{
    /// <param name="apiKey">The environment's key.</param>
    public static IServiceCollection AddIdentity(this IServiceCollection services, string apiKey)
    {
        services.AddOptions<IdentityOptions>().BindConfiguration("Identity").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<Contracts.UserNameCache>().AddSingleton<Passwords>().AddSingleton<SignInThrottle>().AddSingleton<RefreshToken>().AddSingleton<AccessTokens>().AddScoped<SignIn.Dependencies>();
        services.AddSingleton<SigningKeys>().AddHostedService(provider => provider.GetRequiredService<SigningKeys>());
        services.AddSingleton<EndedSessions>().AddHostedService(provider => provider.GetRequiredService<EndedSessions>());
        services.AddSingleton<IdentityCleanup>().AddHostedService(provider => provider.GetRequiredService<IdentityCleanup>());
        // A bearer token wins over a key, and both over a gateway's word.
        return services.AddSingleton(new EnvironmentKey(apiKey)).AddCredential<BearerToken>().AddCredential<ApiKeys>().AddCredential<Gateway>();
    }

    public static void MapIdentity(this IEndpointRouteBuilder app)
    {
        var routes = app.MapGroup("").WithTags("Identity");

        routes.MapPost("/api/v1/users", RegisterUser.Handle).AllowAnonymous().WithMetadata(new CallerMatters()).AddEndpointFilter<RegisterUser.HashFirst>().TakesIdempotencyKey().Refuses(400, 401, 403, 409, 413, 415, 422, 503).WithSummary("Register a user; strangers register as patients");
        routes.MapGet("/api/v1/users", ListUsers.Handle).Needs(IdentityPermissions.UsersManage).Refuses(401, 403, 422).WithSummary("Users, newest first");
        routes.MapGet("/api/v1/users/{id}", GetUser.Handle).Needs(IdentityPermissions.AccountRead, or: IdentityPermissions.UsersRead).Refuses(401, 403, 404).WithSummary("A user");
        routes.MapPatch("/api/v1/users/{id}", UpdateUser.Handle).Needs(IdentityPermissions.AccountWrite, or: IdentityPermissions.UsersManage).WithMetadata(new TakesIfMatch()).Refuses(400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503).WithSummary("Change a user");
        routes.MapPost("/api/v1/login", SignIn.Handle).AllowAnonymous().Refuses(400, 401, 413, 415, 422, 429, 503).WithSummary("Sign in");
        // After the other one, which so gets what has no content type.
        routes.MapPost("/api/v1/login", SignIn.HandleForm).AllowAnonymous().Accepts<SignIn.Request>("application/x-www-form-urlencoded").DisableAntiforgery().WithOrder(1).ExcludeFromDescription();
        routes.MapPost("/api/v1/refresh", RefreshSession.Handle).AllowAnonymous().Refuses(400, 401, 413, 415, 422).WithSummary("A new access token");
        routes.MapPost("/api/v1/logout", SignOut.Handle).Needs(IdentityPermissions.AccountWrite).Refuses(401, 403).WithSummary("End this sign-in");
        routes.MapGet("/.well-known/jwks.json", PublishKeys.Handle).AllowAnonymous().WithSummary("The public keys of access tokens");
    }
}
