using Microsoft.Net.Http.Headers;

namespace Caraway.Platform.Http;

/// <summary>What is done with a body before it is bound.</summary>
internal static class RequestBodies
{
    /// <summary>
    /// Refuses JSON that says it is not UTF-8 (RFC 8259, section 8.1), and keeps the raw body of requests with an <c>Idempotency-Key</c>
    /// for its fingerprint. The server's size limit holds for both.
    /// </summary>
    public static IApplicationBuilder UseRequestBodies(this IApplicationBuilder app) =>
        app.Use((context, next) =>
        {
            var request = context.Request;
            if (request.ContentType?.Contains("charset", StringComparison.OrdinalIgnoreCase) == true && !IsUtf8(request.ContentType))
                return Refusal.OfStatus(StatusCodes.Status415UnsupportedMediaType, "Send the body as application/json in UTF-8.").ExecuteAsync(context);
            return request.Headers.ContainsKey(IdempotencyKey.Header) && context.GetEndpoint()?.Metadata.GetMetadata<TakesIdempotencyKey>() is not null
                ? Keep(context, next)
                : next(context);
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

    private static bool IsUtf8(string contentType) =>
        !MediaTypeHeaderValue.TryParse(contentType, out var type) || !type.Charset.HasValue || type.Charset.Value.Trim('"').Equals("utf-8", StringComparison.OrdinalIgnoreCase);
}
