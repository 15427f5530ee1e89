using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;

namespace Caraway.Platform.Http;

/// <summary>
/// The headers of every answer: the request's id, and the headers that keep patients' data out of caches, frames and referrers. Also turns
/// HEAD into GET.
/// </summary>
internal static class RequestHeaders
{
    private const int LongestId = 128;

    private static readonly SearchValues<char> Sane =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:");

    /// <summary>Starts the ids of this process's requests, so that they differ from those of other processes.</summary>
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

    /// <summary>32 hex digits, unique but not secret, so not random.</summary>
    private static string NewId() => string.Create(CultureInfo.InvariantCulture, $"{Process}{Interlocked.Increment(ref requests):x16}");

    /// <summary>Sets the headers. Runs again after the exception handler, which clears them.</summary>
    public static void Write(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers["X-Request-Id"] = context.TraceIdentifier;
        headers.CacheControl = "no-store";
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers.ContentSecurityPolicy = context.Request.Path.StartsWithSegments("/docs", StringComparison.OrdinalIgnoreCase)
            ? "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
                + "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
            : "default-src 'none'; frame-ancestors 'none'";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-site";
    }
}
