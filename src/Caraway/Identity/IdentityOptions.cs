using System.ComponentModel.DataAnnotations;
using Caraway.Identity.Keys;
using Caraway.Platform.Hosting;
using Microsoft.Extensions.Options;

namespace Caraway.Identity;

/// <summary>Settings of users, sign-ins and credentials (section <c>Identity</c>).</summary>
internal sealed class IdentityOptions
{
    /// <summary>The least cost outside tests: OWASP's for PBKDF2-HMAC-SHA512 (Password Storage Cheat Sheet).</summary>
    public const int LeastPasswordIterations = 210_000;

    /// <summary><c>iss</c> of access tokens.</summary>
    [Required]
    public string Issuer { get; set; } = "caraway";

    /// <summary><c>aud</c> of access tokens.</summary>
    [Required]
    public string Audience { get; set; } = "caraway";

    /// <summary><c>ACCESS_TOKEN_EXPIRE_MINUTES</c>.</summary>
    [Range(1, 24 * 60)]
    public int AccessTokenMinutes { get; set; } = 30;

    /// <summary><c>REFRESH_TOKEN_EXPIRE_DAYS</c>.</summary>
    [Range(1, SessionDays)]
    public int RefreshTokenDays { get; set; } = 7;

    /// <summary><c>SELF_REGISTRATION</c>: whether strangers may register as patients.</summary>
    public bool SelfRegistration { get; set; } = true;

    /// <summary>
    /// The cost of a password hash; raise it as processors get faster. A successful sign-in replaces a hash of another cost.
    /// </summary>
    [Range(1000, 100_000_000)]
    public int PasswordIterations { get; set; } = 220_000;

    /// <summary><c>GATEWAY_TRUSTED_NETWORKS</c>: a comma list of CIDRs from which <c>X-User-*</c> headers are accepted.</summary>
    public string GatewayTrustedNetworks { get; set; } = "";

    /// <summary>
    /// <c>GATEWAY_SECRET</c>: a request with this value in <c>X-Gateway-Secret</c> may send <c>X-User-*</c> headers from any address. When
    /// it is empty, the header has no effect.
    /// </summary>
    public string GatewaySecret { get; set; } = "";

    /// <summary>The longest life of a sign-in in days, however often it is refreshed.</summary>
    internal const int SessionDays = 30;

    /// <exception cref="CommandException">A value is allowed only in development, or a network is not a CIDR.</exception>
    public void Check(bool isDevelopment)
    {
        _ = new Gateway(Options.Create(this));
        if (!isDevelopment && PasswordIterations < LeastPasswordIterations)
            throw new CommandException(
                ExitCode.BadInput, $"Setting Identity:PasswordIterations must be at least {LeastPasswordIterations}.");
    }

    internal TimeSpan AccessTokenLife => TimeSpan.FromMinutes(AccessTokenMinutes);
}
