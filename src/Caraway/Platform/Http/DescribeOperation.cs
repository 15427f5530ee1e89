using System.Text.Json.Nodes;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Caraway.Platform.Http;

/// <summary>Writes a route's metadata into its operation of the OpenAPI document: credentials, headers, examples and refusals.</summary>
internal static class DescribeOperation
{
    private const string ProblemJson = "application/problem+json";

    public static Task Transform(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancel)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        var sentences = new List<string>();
        AddSecurity(operation, context.Document!, metadata, sentences);
        AddRefusals(operation, context.Document!, sentences);
        AddParameters(operation, metadata);
        AddBodies(operation, metadata);
        if (sentences.Count > 0)
            operation.Description = string.Join(' ', sentences);
        return Task.CompletedTask;
    }

    private static void AddSecurity(OpenApiOperation operation, OpenApiDocument document, IList<object> metadata, List<string> sentences)
    {
        OpenApiSecurityRequirement[] either =
        [
            new() { [new OpenApiSecuritySchemeReference(OpenApi.Bearer, document)] = [] },
            new() { [new OpenApiSecuritySchemeReference(OpenApi.ApiKey, document)] = [] },
        ];
        if (metadata.OfType<RequiredPermission>().LastOrDefault() is { } permission)
        {
            var or = permission.Or is null ? "" : $" or `{permission.Or}`";
            sentences.Add($"Needs the permission `{permission.Name}`{or}.");
            operation.Security = [.. either];
        }
        else if (metadata.OfType<CallerMatters>().Any())
        {
            sentences.Add("Needs no credential, but a credential permits more.");
            operation.Security = [[], .. either];
        }
        else
        {
            operation.Security = [];
        }
    }

    /// <summary>One shared response for all refusals keeps an operation short; the description names their statuses.</summary>
    private static void AddRefusals(OpenApiOperation operation, OpenApiDocument document, List<string> sentences)
    {
        string[] refusals =
        [
            .. operation.Responses!
                .Where(response => response.Value.Content?.ContainsKey(ProblemJson) == true)
                .Select(response => response.Key),
        ];
        if (refusals.Length == 0)
            return;
        foreach (var status in refusals)
            operation.Responses!.Remove(status);
        operation.Responses!["default"] = new OpenApiResponseReference(OpenApi.Problem, document);
        var list = refusals.Length == 1 ? refusals[0] : $"{string.Join(", ", refusals[..^1])} or {refusals[^1]}";
        sentences.Add($"Can answer {list} with a problem.");
    }

    private static void AddParameters(OpenApiOperation operation, IList<object> metadata)
    {
        foreach (var parameter in (operation.Parameters ?? []).OfType<OpenApiParameter>())
        {
            parameter.Description ??= parameter.Name switch
            {
                "limit" => "The most items that a page has.",
                "cursor" => "The cursor that the page before answered.",
                _ => null,
            };
        }

        if (metadata.OfType<TakesIdempotencyKey>().Any())
            Add(operation, IdempotencyKey.Header, "The same key, path and body within 24 hours get the first answer again.");
        if (metadata.OfType<TakesIfMatch>().Any())
            Add(operation, "If-Match", "The ETag of the version to change. Another version is answered 412.");
    }

    private static void AddBodies(OpenApiOperation operation, IList<object> metadata)
    {
        if (operation.RequestBody?.Content is not { } bodies)
            return;
        if (bodies.TryGetValue("application/json", out var json))
        {
            var examples = metadata.OfType<RequestExample>()
                .ToDictionary(example => example.Name, Parse, StringComparer.Ordinal);
            if (examples.Count == 1)
                json.Example = examples.Values.Single().Value;
            else if (examples.Count > 1)
                json.Examples = examples;
        }

        foreach (var example in metadata.OfType<TextExample>())
            bodies[example.Type] = new OpenApiMediaType { Schema = Text(), Example = example.Text };

        foreach (var form in metadata.OfType<RequestForm>())
        {
            var example = JsonNode.Parse(form.Example)!.AsObject();
            bodies["application/x-www-form-urlencoded"] = new OpenApiMediaType
            {
                Schema = new OpenApiSchema
                {
                    Type = JsonSchemaType.Object,
                    Required = form.Required.ToHashSet(StringComparer.Ordinal),
                    Properties = example.ToDictionary(
                        field => field.Key, IOpenApiSchema (field) => Text(field.Value), StringComparer.Ordinal),
                },
                Example = example,
            };
        }
    }

    private static void Add(OpenApiOperation operation, string header, string description) =>
        (operation.Parameters ??= []).Add(new OpenApiParameter
        {
            Name = header,
            In = ParameterLocation.Header,
            Description = description,
            Schema = Text(),
        });

    /// <param name="example">Fills the field of a form on the page.</param>
    private static OpenApiSchema Text(JsonNode? example = null) =>
        new() { Type = JsonSchemaType.String, Examples = example is null ? null : [example.DeepClone()] };

    private static IOpenApiExample Parse(RequestExample example) => new OpenApiExample { Value = JsonNode.Parse(example.Json) };
}
