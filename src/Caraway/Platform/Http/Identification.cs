using Caraway.Platform.Security;

namespace Caraway.Platform.Http;

/// <summary>
/// Finds the caller and checks the route's permission, in one step of the pipeline: 401 without a valid credential, 403 with one that does
/// not permit the route. Open routes ignore credentials, except those with <see cref="CallerMatters"/>. (ADR 0010 compares this with
/// ASP.NET Core's authentication and authorization.)
/// </summary>
internal static class Identification
{
    public static IApplicationBuilder UseIdentification(this IApplicationBuilder app)
    {
        var credentials = app.ApplicationServices.GetServices<ICredential>().ToArray();
        var limits = app.ApplicationServices.GetRequiredService<RateLimits>();
        return app.Use((context, next) =>
        {
            // Without an endpoint the answer is 404 or 405, which need no caller.
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

    private static async Task Awaited(
        HttpContext context, Endpoint endpoint, ValueTask<Identified> identifying, RateLimits limits, RequestDelegate next) =>
        await Admit(context, endpoint, await identifying, limits, next);

    private static Task Admit(HttpContext context, Endpoint endpoint, Identified identified, RateLimits limits, RequestDelegate next)
    {
        if (limits.Count(context, identified.Caller) is { } tooMany)
            return tooMany.ExecuteAsync(context);
        if (identified.Denial is { } denial)
            return Explain(denial).ExecuteAsync(context);
        context.Features.Set(identified.Caller);
        if (endpoint.Metadata.GetMetadata<RequiredPermission>() is not { } needed)
            return next(context);
        if (identified.Caller is not { } caller)
            return Explain(endpoint.Metadata.GetMetadata<WithoutCredential>()?.Denial ?? Denial.NotSignedIn).ExecuteAsync(context);
        return needed.IsMetBy(caller) ? next(context) : Refusal.Forbidden("Your credential does not permit this.").ExecuteAsync(context);
    }

    /// <summary>Turns a denial into its answer. docs/contracts quotes the sentences about keys and about the user's id.</summary>
    internal static Refusal Explain(Denial denial) => denial switch
    {
        Denial.KeyRefused => Refusal.Unauthorized(ProblemCodes.ApiKeyRequired, "Invalid or missing API key"),
        Denial.TokenRefused => Refusal.Unauthorized(ProblemCodes.InvalidToken, "The access token is not valid, or is no longer valid."),
        Denial.UserIdMissing => Refusal.Unauthorized(ProblemCodes.UserIdRequired, "User ID header (X-User-ID) is required"),
        Denial.UserIdRefused => Refusal.Unauthorized(
            ProblemCodes.InvalidUserId,
            "The user ID header (X-User-ID) must be one id of 1 to 100 visible characters. "
            + "It must not begin with user:, apikey: or gateway:."),
        _ => Refusal.Unauthorized(ProblemCodes.NotSignedIn, "Sign in first, and send the access token as a bearer token."),
    };
}
