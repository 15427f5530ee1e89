using System.Security.Cryptography;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Caraway.Platform.Http;

/// <summary>
/// <c>GET /openapi.json</c>: the document, written once, with an entity tag. To make it takes longer than a thousand requests.
/// </summary>
internal sealed class OpenApiFile([FromKeyedServices(OpenApiFile.Name)] IOpenApiDocumentProvider documents) : IDisposable
{
    /// <summary>The framework's name of the only document.</summary>
    private const string Name = "v1";

    private readonly SemaphoreSlim alone = new(1);
    private Written? written;

    private sealed record Written(byte[] Json, string Tag);

    public async Task<Results<FileContentHttpResult, StatusCodeHttpResult>> Handle(HttpContext http, CancellationToken cancel)
    {
        var file = written ?? await Write(cancel);
        http.Response.Headers.ETag = file.Tag;
        return ETag.IsKnown(http.Request, file.Tag)
            ? TypedResults.StatusCode(StatusCodes.Status304NotModified)
            : TypedResults.Bytes(file.Json, "application/json;charset=utf-8");
    }

    public void Dispose() => alone.Dispose();

    private async Task<Written> Write(CancellationToken cancel)
    {
        await alone.WaitAsync(cancel);
        try
        {
            if (written is not null)
                return written;
            using var json = new MemoryStream();
            var document = await documents.GetOpenApiDocumentAsync(cancel);
            await document.SerializeAsJsonAsync(json, OpenApiSpecVersion.OpenApi3_1, cancel);
            var bytes = json.ToArray();
            return written = new Written(bytes, $"\"{Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]}\"");
        }
        finally
        {
            alone.Release();
        }
    }
}
