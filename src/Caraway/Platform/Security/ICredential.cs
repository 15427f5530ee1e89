namespace Caraway.Platform.Security;

/// <summary>One kind of credential. Each reads its own headers only.</summary>
internal interface ICredential
{
    /// <summary>Identifies the caller of the request.</summary>
    /// <returns>The default value when the request carries no credential of this kind.</returns>
    ValueTask<Identified> Identify(HttpContext context);
}

/// <summary>The result of a credential check: a caller, a denial, or neither (the default value).</summary>
internal readonly record struct Identified(Caller? Caller, Denial? Denial)
{
    public bool IsNothing => Caller is null && Denial is null;
}

/// <summary>The reason of a 401. The middleware <c>Identification</c> makes the answer.</summary>
internal enum Denial
{
    /// <summary>The route needs a credential, and the request has no credential that counts.</summary>
    NotSignedIn,

    /// <summary>The route is for users of a gateway, and the request has no credential that counts.</summary>
    UserIdMissing,

    /// <summary>A trusted gateway names a user in a way that no user has: two ids, or one that is not allowed.</summary>
    UserIdRefused,

    /// <summary>The API key is missing, or it is not valid.</summary>
    KeyRefused,

    /// <summary>The access token is not valid, for whatever reason: the answer does not tell which.</summary>
    TokenRefused,
}

internal static class Credentials
{
    /// <summary>Registers a kind of credential. The first kind that a request has is used, in the order of registration.</summary>
    public static IServiceCollection AddCredential<TCredential>(this IServiceCollection services)
        where TCredential : class, ICredential =>
        services.AddSingleton<ICredential, TCredential>();
}
