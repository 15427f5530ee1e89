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
/// does not permit the route. A credential that is given on an open route must be good too. (Not ASP.NET Core's authentication and
/// authorization: ADR 0010.)
/// </summary>
internal static class Identification
{
    private const string Challenge = "Bearer realm=\"caraway\", ApiKey realm=\"caraway\"";

    /// <summary>Registers a kind of credential. The first that a request carries counts; their order is that of registration.</summary>
    public static IServiceCollection AddCredential<TCredential>(this IServiceCollection services)
        where TCredential : class, ICredential =>
        services.AddSingleton<ICredential, TCredential>();

    public static IApplicationBuilder UseIdentification(this IApplicationBuilder app)
    {
        var credentials = app.ApplicationServices.GetServices<ICredential>().ToArray();
        return app.Use((context, next) =>
        {
            // Nothing at this address: 404 and 405 need no caller.
            if (context.GetEndpoint() is not { } endpoint)
                return next(context);
            var identifying = Identify(credentials, context);
            return identifying.IsCompletedSuccessfully
                ? Admit(context, endpoint, identifying.Result, next)
                : Awaited(context, endpoint, identifying, next);
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

    private static async Task Awaited(HttpContext context, Endpoint endpoint, ValueTask<Identified> identifying, RequestDelegate next) =>
        await Admit(context, endpoint, await identifying, next);

    private static Task Admit(HttpContext context, Endpoint endpoint, Identified identified, RequestDelegate next)
    {
        if (identified.Refusal is { } refusal)
            return Refuse(context, refusal);
        context.Features.Set(identified.Caller);
        if (endpoint.Metadata.GetMetadata<RequiredPermission>() is not { } needed)
            return next(context);
        if (identified.Caller is not { } caller)
            return Refuse(context, needed.Missing);
        return caller.May(needed.Name) ? next(context) : Refusal.Forbidden("Your credential does not permit this.").ExecuteAsync(context);
    }

    private static Task Refuse(HttpContext context, Refusal refusal)
    {
        if (refusal.Status == StatusCodes.Status401Unauthorized)
            context.Response.Headers.WWWAuthenticate = Challenge;
        return refusal.ExecuteAsync(context);
    }
}
