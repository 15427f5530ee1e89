using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace Caraway.Platform.Http;

/// <summary>Checks and prepares a body before it is bound.</summary>
internal static class RequestBodies
{
    private const string Json = "application/json";

    private static Refusal NotUtf8 { get; } =
        Refusal.ForStatus(StatusCodes.Status415UnsupportedMediaType, "Send the body in UTF-8.");

    /// <summary>
    /// Reads a body without a <c>Content-Type</c> as JSON where the route takes JSON, because clients of the earlier APIs send it so.
    /// Refuses JSON in another charset than UTF-8 (RFC 8259, section 8.1). Keeps the raw body of a request with an
    /// <c>Idempotency-Key</c>, for its fingerprint. The server's size limit applies to every body, or the route's own one.
    /// </summary>
    public static IApplicationBuilder UseRequestBodies(this IApplicationBuilder app) =>
        app.Use((context, next) =>
        {
            var request = context.Request;
            if (string.IsNullOrWhiteSpace(request.ContentType) && HasBody(context) && TakesJson(context.GetEndpoint()))
                request.ContentType = Json;
            if (request.ContentType?.Contains("charset", StringComparison.OrdinalIgnoreCase) == true)
            {
                if (!IsUtf8(request.ContentType))
                    return NotUtf8.ExecuteAsync(context);
                // A charset in quotes is valid (RFC 9110, section 5.6.6), but the framework does not know it.
                request.ContentType = request.ContentType.Replace("\"utf-8\"", "utf-8", StringComparison.OrdinalIgnoreCase);
            }

            var keepsBody = context.GetEndpoint()?.Metadata.GetMetadata<TakesIdempotencyKey>()?.KeepsBody == true;
            return keepsBody && request.Headers.ContainsKey(IdempotencyKey.Header) ? Keep(context, next) : next(context);
        });

    private static async Task Keep(HttpContext context, RequestDelegate next)
    {
        using var memory = new MemoryStream();
        await context.Request.Body.CopyToAsync(memory, context.RequestAborted);
        var bytes = memory.ToArray();
        context.Features.Set(new BufferedBody(bytes));
        context.Request.Body = new MemoryStream(bytes);
        await next(context);
    }

    private static bool HasBody(HttpContext context) => context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true;

    private static bool TakesJson(Endpoint? endpoint) =>
        endpoint?.Metadata.GetMetadata<IAcceptsMetadata>()?.ContentTypes.Contains(Json, StringComparer.OrdinalIgnoreCase) == true;

    private static bool IsUtf8(string contentType) =>
        !MediaTypeHeaderValue.TryParse(contentType, out var type)
        || !type.Charset.HasValue
        || type.Charset.Value.Trim('"').Equals("utf-8", StringComparison.OrdinalIgnoreCase);
}
