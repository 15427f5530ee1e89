using System.ComponentModel.DataAnnotations;

namespace Caraway.Platform.Hosting;

/// <summary>The port, the name and the limits of the server (section <c>Server</c>).</summary>
internal sealed class ServerOptions
{
    /// <summary><c>PORT</c>; 0 means any free port (tests).</summary>
    [Range(0, 65535, ErrorMessage = "PORT must be a number from 0 to 65535.")]
    public int Port { get; set; } = 8000;

    /// <summary><c>SERVICE_NAME</c>: the <c>service</c> of <c>/health</c>.</summary>
    [Required]
    public string ServiceName { get; set; } = "caraway";

    /// <summary>
    /// <c>PUBLIC_URL</c>: the start of the addresses that answers contain, for use behind a proxy. When empty, they start as the request's
    /// address does.
    /// </summary>
    [Url(ErrorMessage = "PUBLIC_URL must be an address such as https://caraway.example.")]
    public string? PublicUrl { get; set; }

    /// <summary><c>CORS_ORIGINS</c>: a comma list or a JSON list of origins, or <c>*</c>. Empty allows no origin.</summary>
    public string CorsOrigins { get; set; } = "";

    /// <summary>
    /// <c>TRUSTED_PROXIES</c>: a comma list of CIDRs. For requests from there, <c>X-Forwarded-For</c> gives the address of the caller.
    /// </summary>
    public string TrustedProxies { get; set; } = "";

    /// <summary>The time that open requests have after a stop signal, in seconds.</summary>
    [Range(0, 600)]
    public int ShutdownTimeoutSeconds { get; set; } = 2;

    /// <summary>The largest request body, in bytes. A larger one gets 413.</summary>
    [Range(1, int.MaxValue)]
    public int MaxBodyBytes { get; set; } = 1024 * 1024;
}
