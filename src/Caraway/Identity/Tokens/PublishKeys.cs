using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Identity.Tokens;

/// <summary>
/// <c>GET /.well-known/jwks.json</c>: the public keys of access tokens (RFC 7517). The next key is published before it signs.
/// </summary>
internal static class PublishKeys
{
    public sealed record Response(IReadOnlyList<Key> Keys);

    /// <param name="X">Base64url of 32 bytes, as <paramref name="Y"/> (RFC 7518, section 6.2.1).</param>
    public sealed record Key(string Kty, string Crv, string Alg, string Use, string Kid, string X, string Y);

    public static async Task<Ok<Response>> Handle(SigningKeys keys, CancellationToken cancel)
    {
        // Makes the first key if this request comes before it.
        await keys.Current(cancel);
        return TypedResults.Ok(new Response(
            [.. keys.All.Select(key => key.PublicKey).Select(key => new Key(key.Kty, key.Crv, key.Alg, key.Use, key.Kid, key.X, key.Y))]));
    }
}
