using Caraway.Platform.Hosting;
using Microsoft.Extensions.Options;

namespace Caraway.Platform.Http;

/// <summary>Addresses of this API as callers see them.</summary>
internal static class PublicAddress
{
    /// <param name="path">Begins with a slash.</param>
    public static string Of(string path, HttpRequest request, IOptions<ServerOptions> server) =>
        (server.Value.PublicUrl?.TrimEnd('/') ?? $"{request.Scheme}://{request.Host}") + path;
}
