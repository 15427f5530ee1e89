using Microsoft.AspNetCore.Http.Metadata;

namespace Caraway.Platform.Http;

/// <summary>What a module's route line says for the OpenAPI document alone.</summary>
internal static class RouteDescriptions
{
    /// <summary>A JSON body that works unchanged on a fresh instance. A test sends each of them.</summary>
    /// <param name="name">Tells the examples of one route apart.</param>
    public static RouteHandlerBuilder WithExample(this RouteHandlerBuilder route, string json, string name = "example") =>
        route.WithMetadata(new RequestExample(name, json));

    /// <summary>A body that is not JSON and works unchanged on a fresh instance.</summary>
    public static RouteHandlerBuilder WithTextExample(this RouteHandlerBuilder route, string type, string text) =>
        route.WithMetadata(new TextExample(type, text));

    /// <summary>Says that the address also takes a form, which another endpoint reads.</summary>
    /// <param name="example">A JSON object whose members are the form's fields.</param>
    /// <param name="required">The fields that a form must have.</param>
    public static RouteHandlerBuilder WithForm(this RouteHandlerBuilder route, string example, params IReadOnlyList<string> required) =>
        route.WithMetadata(new RequestForm(example, required));

    /// <summary>Says which refusals a route can answer. Every route can also answer 429, 500 and 503.</summary>
    public static RouteHandlerBuilder Refuses(this RouteHandlerBuilder route, params ReadOnlySpan<int> statuses)
    {
        foreach (var status in statuses)
            route.Produces<Problem>(status, "application/problem+json");
        return route;
    }
}

internal sealed record RequestExample(string Name, string Json);

internal sealed record TextExample(string Type, string Text);

/// <summary>The longest body of a route, in bytes, instead of the server's limit.</summary>
internal sealed record RequestSizeLimit(long? MaxRequestBodySize) : IRequestSizeLimitMetadata;

internal sealed record RequestForm(string Example, IReadOnlyList<string> Required);

/// <summary>Marks a route that honours <c>If-Match</c>.</summary>
internal sealed record TakesIfMatch;
