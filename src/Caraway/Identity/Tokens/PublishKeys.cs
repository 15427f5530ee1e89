using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Identity.Tokens;

/// <summary><c>GET /.well-known/jwks.json</c>: the public keys of access tokens (RFC 7517), the next one before it is used.</summary>
internal static class PublishKeys
{
    public sealed record Response(IReadOnlyList<Key> Keys);

    /// <param name="X">Base64url of 32 bytes, as <paramref name="Y"/> (RFC 7518, section 6.2.1).</param>
    public sealed record Key(string Kty, string Crv, string Alg, string Use, string Kid, string X, string Y);

    public static async Task<Ok<Response>> Handle(SigningKeys keys, CancellationToken cancel)
    {
        // The first request may come before the first key.
        await keys.Current(cancel);
        return TypedResults.Ok(new Response(
            [.. keys.All.Select(key => key.PublicKey).Select(key => new Key(key.Kty, key.Crv, key.Alg, key.Use, key.Kid, key.X, key.Y))]));
    }
}
