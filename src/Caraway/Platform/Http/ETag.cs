using System.Globalization;
using System.Reflection;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace Caraway.Platform.Http;

/// <summary>
/// Entity tags (RFC 9110, section 8.8.3): <c>"v12"</c> is a resource's version; <c>"v12-n345"</c> adds a number for the lists that the
/// answer embeds. <c>If-Match</c> compares the version alone, <c>If-None-Match</c> compares the whole tag.
/// </summary>
internal static class ETag
{
    public static string Create(long version, long? embedded = null) =>
        embedded is null
            ? string.Create(CultureInfo.InvariantCulture, $"\"v{version}\"")
            : string.Create(CultureInfo.InvariantCulture, $"\"v{version}-n{embedded}\"");

    /// <summary>The versions that <c>If-Match</c> accepts; null when it accepts every version (no header, or <c>*</c>).</summary>
    /// <remarks>A tag of another form matches nothing, and neither does a weak tag (RFC 9110, section 13.1.1).</remarks>
    public static long[]? IfMatch(HttpRequest request)
    {
        var header = request.Headers.IfMatch;
        if (header.Count == 0)
            return null;
        if (!EntityTagHeaderValue.TryParseList(header, out var tags))
            return [];
        var versions = new List<long>(tags.Count);
        foreach (var tag in tags)
        {
            if (tag.Equals(EntityTagHeaderValue.Any))
                return null;
            if (!tag.IsWeak && Version(tag.Tag.AsSpan().Trim('"')) is { } version)
                versions.Add(version);
        }

        return [.. versions];
    }

    /// <summary>Whether <c>If-None-Match</c> says that the caller has this answer: a weak comparison (RFC 9110, section 13.1.2).</summary>
    public static bool IsKnown(HttpRequest request, string tag)
    {
        var header = request.Headers.IfNoneMatch;
        if (header.Count == 0 || !EntityTagHeaderValue.TryParseList(header, out var tags))
            return false;
        return tags.Any(known => known.Equals(EntityTagHeaderValue.Any) || known.Tag.Equals(tag, StringComparison.Ordinal));
    }

    private static long? Version(ReadOnlySpan<char> tag)
    {
        if (tag.Length < 2 || tag[0] != 'v')
            return null;
        var end = tag.IndexOf('-');
        var digits = end < 0 ? tag[1..] : tag[1..end];
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : null;
    }
}

/// <summary>200 with a resource and its tag, or 304 without a body on a GET whose caller has the resource already.</summary>
internal sealed class Tagged<T>(string tag, T value) : IResult, IEndpointMetadataProvider, IStatusCodeHttpResult, IValueHttpResult<T>
{
    public T? Value => value;

    public int? StatusCode => StatusCodes.Status200OK;

    static void IEndpointMetadataProvider.PopulateMetadata(MethodInfo method, EndpointBuilder builder) =>
        builder.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(T), ["application/json"]));

    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.Headers.ETag = tag;
        if (HttpMethods.IsGet(httpContext.Request.Method) && ETag.IsKnown(httpContext.Request, tag))
        {
            httpContext.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        return httpContext.Response.WriteAsJsonAsync(value, httpContext.RequestAborted);
    }
}
