using System.ComponentModel.DataAnnotations;

namespace Caraway.Platform.Hosting;

/// <summary>How the program listens and names itself (section <c>Server</c>).</summary>
internal sealed class ServerOptions
{
    /// <summary><c>PORT</c>; 0 takes any free one (tests).</summary>
    [Range(0, 65535, ErrorMessage = "PORT must be a number from 0 to 65535.")]
    public int Port { get; set; } = 8000;

    /// <summary><c>SERVICE_NAME</c>: the <c>service</c> of <c>/health</c>.</summary>
    [Required]
    public string ServiceName { get; set; } = "caraway";

    /// <summary><c>CORS_ORIGINS</c>: a comma list or a JSON list of origins, or <c>*</c>; empty allows none.</summary>
    public string CorsOrigins { get; set; } = "";

    /// <summary><c>TRUSTED_PROXIES</c>: a comma list of CIDRs; of a request from there, the caller's address is what <c>X-Forwarded-For</c> says.</summary>
    public string TrustedProxies { get; set; } = "";

    /// <summary>How long requests in flight may go on after a stop was asked for, in seconds.</summary>
    [Range(0, 600)]
    public int ShutdownTimeoutSeconds { get; set; } = 2;

    /// <summary>The largest request body, in bytes; a larger one is answered 413.</summary>
    [Range(1, int.MaxValue)]
    public int MaxBodyBytes { get; set; } = 1024 * 1024;
}
