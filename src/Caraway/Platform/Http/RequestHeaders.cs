using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;

namespace Caraway.Platform.Http;

/// <summary>What every answer carries: the request's id, and the headers that keep patients' data out of caches, frames and referrers. HEAD becomes GET here.</summary>
internal static class RequestHeaders
{
    private const int LongestId = 128;

    private static readonly SearchValues<char> Sane =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:");

    /// <summary>What tells this process's requests from all others'.</summary>
    private static readonly string Process = RandomNumberGenerator.GetHexString(16, lowercase: true);

    private static long requests;

    public static IApplicationBuilder UseRequestHeaders(this IApplicationBuilder app) =>
        app.Use((context, next) =>
        {
            var given = context.Request.Headers["X-Request-Id"];
            var id = given is [{ Length: > 0 and <= LongestId } one] && !one.AsSpan().ContainsAnyExcept(Sane)
                ? one
                : NewId();
            context.TraceIdentifier = id;
            // HEAD is answered as GET (RFC 9110, section 9.3.2); the server itself leaves the body out.
            if (HttpMethods.IsHead(context.Request.Method))
                context.Request.Method = HttpMethods.Get;
            Write(context);
            return next(context);
        });

    /// <summary>32 hex digits, never the same twice; not secret, so it need not be random.</summary>
    private static string NewId() => string.Create(CultureInfo.InvariantCulture, $"{Process}{Interlocked.Increment(ref requests):x16}");

    /// <summary>Sets the headers; once more after the exception handler has cleared them.</summary>
    public static void Write(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers["X-Request-Id"] = context.TraceIdentifier;
        headers.CacheControl = "no-store";
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers.ContentSecurityPolicy = context.Request.Path.StartsWithSegments("/docs", StringComparison.OrdinalIgnoreCase)
            ? "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
            : "default-src 'none'; frame-ancestors 'none'";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-site";
    }
}
