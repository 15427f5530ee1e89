using Caraway.Platform.Http;

namespace Caraway.Platform.Security;

/// <summary>One kind of credential. Each looks at its own headers alone.</summary>
internal interface ICredential
{
    /// <summary>Who the request says it is.</summary>
    /// <returns>Nothing when the request carries no credential of this kind.</returns>
    ValueTask<Identified> Identify(HttpContext context);
}

/// <summary>What a credential proved: a caller, a refusal, or nothing (default).</summary>
internal readonly record struct Identified(Caller? Caller, Refusal? Refusal)
{
    public bool IsNothing => Caller is null && Refusal is null;
}

/// <summary>
/// Finds the caller and asks for the route's permission, in one step of the pipeline: 401 without a good credential, 403 with one that
/// does not permit the route. Open routes do not look at credentials, but for those that say so. (Not ASP.NET Core's authentication and
/// authorization: ADR 0010.)
/// </summary>
internal static class Identification
{
    /// <summary>The sentence of docs/contracts/advocacy.md.</summary>
    public static Refusal KeyRefused { get; } = Refusal.Unauthorized(ProblemCodes.ApiKeyRequired, "Invalid or missing API key");

    public static Refusal NotSignedIn { get; } = Refusal.Unauthorized(ProblemCodes.NotSignedIn, "Sign in first, and send the access token as a bearer token.");

    /// <summary>Whatever is wrong with a token, one answer.</summary>
    public static Refusal TokenRefused { get; } = Refusal.Unauthorized(ProblemCodes.InvalidToken, "The access token is not valid, or not any more.");

    /// <summary>Registers a kind of credential. The first that a request carries counts; their order is that of registration.</summary>
    public static IServiceCollection AddCredential<TCredential>(this IServiceCollection services)
        where TCredential : class, ICredential =>
        services.AddSingleton<ICredential, TCredential>();

    public static IApplicationBuilder UseIdentification(this IApplicationBuilder app)
    {
        var credentials = app.ApplicationServices.GetServices<ICredential>().ToArray();
        var limits = app.ApplicationServices.GetRequiredService<RateLimits>();
        return app.Use((context, next) =>
        {
            // Nothing at this address: 404 and 405 need no caller.
            if (context.GetEndpoint() is not { } endpoint || endpoint.Metadata.GetMetadata<Unlimited>() is not null)
                return next(context);
            if (endpoint.Metadata.GetMetadata<RequiredPermission>() is null && endpoint.Metadata.GetMetadata<CallerMatters>() is null)
                return Admit(context, endpoint, default, limits, next);
            var identifying = Identify(credentials, context);
            return identifying.IsCompletedSuccessfully
                ? Admit(context, endpoint, identifying.Result, limits, next)
                : Awaited(context, endpoint, identifying, limits, next);
        });
    }

    private static async ValueTask<Identified> Identify(ICredential[] credentials, HttpContext context)
    {
        foreach (var credential in credentials)
        {
            var identified = await credential.Identify(context);
            if (!identified.IsNothing)
                return identified;
        }

        return default;
    }

    private static async Task Awaited(HttpContext context, Endpoint endpoint, ValueTask<Identified> identifying, RateLimits limits, RequestDelegate next) =>
        await Admit(context, endpoint, await identifying, limits, next);

    private static Task Admit(HttpContext context, Endpoint endpoint, Identified identified, RateLimits limits, RequestDelegate next)
    {
        if (limits.Count(context, identified.Caller) is { } tooMany)
            return tooMany.ExecuteAsync(context);
        if (identified.Refusal is { } refusal)
            return refusal.ExecuteAsync(context);
        context.Features.Set(identified.Caller);
        if (endpoint.Metadata.GetMetadata<RequiredPermission>() is not { } needed)
            return next(context);
        if (identified.Caller is not { } caller)
            return needed.Missing.ExecuteAsync(context);
        return needed.IsMetBy(caller) ? next(context) : Refusal.Forbidden("Your credential does not permit this.").ExecuteAsync(context);
    }
}

/// <summary>Marks an open route that answers a known caller otherwise; a bad credential is refused there.</summary>
internal sealed record CallerMatters;

/// <summary>Marks a route that is not counted against a limit: probes, which must not fail because somebody asks much.</summary>
internal sealed record Unlimited;
