using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using Caraway.Platform.Http;

namespace Caraway.Platform.Security;

/// <summary>
/// <c>X-API-Key</c>: the one key of the environment (<c>API_KEY</c>), compared in constant time. Empty, unknown and non-ASCII keys get one
/// and the same 401 (contract: advocacy.md).
/// </summary>
/// <param name="key">The key; only its SHA-256 is kept.</param>
internal sealed class ApiKey(string key) : ICredential
{
    public const string Header = "X-API-Key";

    private static readonly FrozenSet<string> Granted = FrozenSet.Create(StringComparer.Ordinal, Permission.AdvocacyRead, Permission.AdvocacyWrite, Permission.MetricsRead);

    private readonly byte[] keyHash = SHA256.HashData(Encoding.UTF8.GetBytes(key));

    public static Refusal Unknown { get; } = Refusal.Unauthorized(ProblemCodes.ApiKeyRequired, "Invalid or missing API key");

    public ValueTask<Identified> Identify(HttpContext context)
    {
        if (!context.Request.Headers.TryGetValue(Header, out var values))
            return default;
        if (values.Count != 1 || values[0] is not { Length: > 0 and <= 1024 } given || !Matches(given))
            return ValueTask.FromResult(new Identified(null, Unknown));
        return ValueTask.FromResult(new Identified(
            new Caller
            {
                Id = "apikey:environment",
                Permissions = Granted,
                RequestId = context.TraceIdentifier,
                Address = context.Connection.RemoteIpAddress?.ToString(),
            },
            null));
    }

    private bool Matches(string given)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(given), hash);
        return CryptographicOperations.FixedTimeEquals(hash, keyHash);
    }
}
