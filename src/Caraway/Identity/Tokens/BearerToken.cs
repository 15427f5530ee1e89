using Caraway.Identity.SignIns;
using Caraway.Platform.Security;

namespace Caraway.Identity.Tokens;

/// <summary><c>Authorization: Bearer</c> with an access token (RFC 6750, section 2.1).</summary>
internal sealed class BearerToken(AccessTokens tokens, EndedSessions ended) : ICredential
{
    private const string Scheme = "Bearer";

    public ValueTask<Identified> Identify(HttpContext context)
    {
        var header = context.Request.Headers.Authorization;
        if (header is [{ } value] && IsBearer(value))
            return Verify(context, value[Scheme.Length..].Trim());
        // Another scheme may be meant for a proxy and is ignored; two credentials are refused.
        return header.Count < 2 ? default : ValueTask.FromResult(new Identified(null, Denial.TokenRefused));
    }

    private static bool IsBearer(string value) =>
        value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
        && (value.Length == Scheme.Length || value[Scheme.Length] is ' ' or '\t');

    private async ValueTask<Identified> Verify(HttpContext context, string text)
    {
        var cancel = context.RequestAborted;
        if (await tokens.Verify(text, cancel) is not { } token || !await ended.Holds(token.SessionId, cancel))
            return new Identified(null, Denial.TokenRefused);
        var caller = Caller.Create(context, token.CallerId, token.Permissions);
        return new Identified(caller with { UserId = token.UserId, SessionId = token.SessionId }, null);
    }
}
