using System.Collections.Frozen;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Caraway.Platform.Http;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;

namespace Caraway.Platform.Security;

/// <summary>The one key of the environment (section <c>ApiKey</c>): <c>API_KEY</c>, good for all of Advocacy and for <c>/metrics</c>.</summary>
internal sealed class ApiKeyOptions : AuthenticationSchemeOptions
{
    /// <summary>SHA-256 of the key's UTF-8 bytes; the key itself is not kept.</summary>
    public byte[] KeyHash { get; set; } = [];
}

/// <summary>
/// <c>X-API-Key</c>, compared in constant time. Missing, empty, unknown and non-ASCII keys get one and the same 401 (contract: advocacy.md).
/// </summary>
internal sealed class ApiKeyAuthentication(IOptionsMonitor<ApiKeyOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<ApiKeyOptions>(options, logger, encoder)
{
    public const string SchemeName = "ApiKey";
    public const string Header = "X-API-Key";

    private static readonly FrozenSet<string> Granted = FrozenSet.Create(StringComparer.Ordinal, Permission.AdvocacyRead, Permission.AdvocacyWrite, Permission.MetricsRead);

    private static readonly ClaimsPrincipal Principal =
        new(new ClaimsIdentity(Granted.Select(permission => new Claim("permission", permission)), SchemeName));

    private static readonly AuthenticationTicket Ticket = new(Principal, SchemeName);

    public static void Add(IServiceCollection services, string key)
    {
        // The core alone: AddAuthentication would bring Data Protection, whose keys nothing here uses.
        services.AddAuthenticationCore(authentication => authentication.DefaultScheme = SchemeName);
        services.AddWebEncoders();
        new AuthenticationBuilder(services)
            .AddScheme<ApiKeyOptions, ApiKeyAuthentication>(SchemeName, options => options.KeyHash = SHA256.HashData(Encoding.UTF8.GetBytes(key)));
        var authorization = services.AddAuthorizationBuilder();
        foreach (var permission in Permission.All)
            authorization.AddPolicy(permission, policy => policy.RequireClaim("permission", permission));
    }

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (!Request.Headers.TryGetValue(Header, out var values))
            return Task.FromResult(AuthenticateResult.NoResult());
        if (values.Count != 1 || values[0] is not { Length: > 0 and <= 1024 } key || !Matches(key))
            return Task.FromResult(AuthenticateResult.Fail("The key is not known."));

        Context.Features.Set(new Caller
        {
            Id = "apikey:environment",
            RequestId = Context.TraceIdentifier,
            Address = Context.Connection.RemoteIpAddress?.ToString(),
        });
        return Task.FromResult(AuthenticateResult.Success(Ticket));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers.WWWAuthenticate = "ApiKey realm=\"caraway\"";
        return Refusal.Unauthorized(ProblemCodes.ApiKeyRequired, "Invalid or missing API key").ExecuteAsync(Context);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        Refusal.Forbidden("Your credential does not permit this.").ExecuteAsync(Context);

    private bool Matches(string key)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(key), hash);
        return CryptographicOperations.FixedTimeEquals(hash, Options.KeyHash);
    }
}
