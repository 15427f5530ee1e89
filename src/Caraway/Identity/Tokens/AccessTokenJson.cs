using System.Buffers.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Caraway.Identity.Tokens;

/// <summary>The header that a token must have.</summary>
/// <param name="Crit">Present when the token requires an extension; Caraway supports none (RFC 7515, section 4.1.11).</param>
internal sealed record AccessTokenHeader(string Alg, string Typ, string Kid, JsonElement Crit = default);

/// <summary>The claims that a token must have, and <c>nbf</c>, which it may have. Times are whole seconds since 1970.</summary>
internal sealed record AccessTokenClaims(string Iss, string Aud, string Sub, string Role, string Sid, long Iat, long Exp, long Nbf = 0);

/// <summary>
/// Reads the header and the payload of an access token with exact types. The library is tolerant: it accepts times as text and as
/// fractions, several audiences, repeated members and text after the last brace. It does not look at <c>crit</c>.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(AccessTokenHeader))]
[JsonSerializable(typeof(AccessTokenClaims))]
internal sealed partial class AccessTokenJson : JsonSerializerContext
{
    /// <returns>Null for a part of another shape.</returns>
    public static AccessTokenHeader? Header(string part) => Read(part, Default.AccessTokenHeader);

    /// <returns>Null for a part of another shape.</returns>
    public static AccessTokenClaims? Claims(string part) => Read(part, Default.AccessTokenClaims);

    private static T? Read<T>(string part, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(Base64Url.DecodeFromChars(part), type);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
