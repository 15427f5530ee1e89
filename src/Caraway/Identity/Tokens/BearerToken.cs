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
        if (header is [{ } value] && value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) && (value.Length == Scheme.Length || value[Scheme.Length] is ' ' or '\t'))
            return Verify(context, value[Scheme.Length..].Trim());
        // Another scheme is a proxy's matter; two credentials are nobody's.
        return header.Count < 2 ? default : ValueTask.FromResult(new Identified(null, Denial.TokenRefused));
    }

    private async ValueTask<Identified> Verify(HttpContext context, string text)
    {
        if (await tokens.Verify(text, context.RequestAborted) is not { } token || !await ended.Holds(token.SessionId, context.RequestAborted))
            return new Identified(null, Denial.TokenRefused);
        return new Identified(Caller.Of(context, token.CallerId, token.Permissions) with { UserId = token.UserId, SessionId = token.SessionId }, null);
    }
}
