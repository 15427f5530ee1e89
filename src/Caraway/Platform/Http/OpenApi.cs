using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Caraway.Platform.Http;

/// <summary>The OpenAPI 3.1 document at <c>/openapi.json</c>, made from the routes' signatures, and its page at <c>/docs</c>.</summary>
internal static class OpenApi
{
    public static void Add(IServiceCollection services) => services.AddOpenApi(options =>
    {
        // A use case's records are nested in it, so their bare names (Request, Response) would collide.
        options.CreateSchemaReferenceId = type => (OpenApiOptions.CreateDefaultSchemaReferenceId(type), type.Type) switch
        {
            (null, _) => null,
            (_, var id) when id == typeof(RowId) => null,
            (_, { IsNested: true } nested) => nested.DeclaringType!.Name + nested.Name,
            (var name, _) => name,
        };
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "Caraway",
                Version = Health.Version,
                Description = "One program for the desks around a patient. Errors are RFC 9457 problems; docs/api/README.md lists every code.",
            };
            document.Servers = null;
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
            {
                ["Bearer"] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.OAuth2,
                    Flows = new OpenApiOAuthFlows { Password = new OpenApiOAuthFlow { TokenUrl = new Uri("/api/v1/login", UriKind.Relative), RefreshUrl = null, Scopes = new Dictionary<string, string>(StringComparer.Ordinal) } },
                },
                ["ApiKey"] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.ApiKey,
                    In = ParameterLocation.Header,
                    Name = "X-API-Key",
                },
            };
            return Task.CompletedTask;
        });
        options.AddOperationTransformer(Operation);
        options.AddSchemaTransformer(Schema);
    });

    public static void MapOpenApiPage(this WebApplication app)
    {
        app.MapOpenApi("/openapi.json").AllowAnonymous();
        // On its own addresses alone, so that no other request passes through it.
        app.UseWhen(context => context.Request.Path.StartsWithSegments("/docs", StringComparison.OrdinalIgnoreCase), docs => docs.UseSwaggerUI(page =>
        {
            page.RoutePrefix = "docs";
            page.SwaggerEndpoint("/openapi.json", "Caraway");
            page.DocumentTitle = "Caraway API";
        }));
    }

    private static Task Operation(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancel)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        if (metadata.OfType<RequiredPermission>().LastOrDefault() is { } permission)
        {
            operation.Description = permission.Or is null ? $"Needs the permission `{permission.Name}`." : $"Needs the permission `{permission.Name}` or `{permission.Or}`.";
            operation.Security = [.. new[] { "Bearer", "ApiKey" }.Select(scheme => new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(scheme, context.Document)] = [] })];
        }

        operation.Parameters ??= [];
        if (metadata.OfType<TakesIdempotencyKey>().Any())
            operation.Parameters.Add(Header(IdempotencyKey.Header, "A repeated request with the same key, path and body within 24 hours gets the first one's answer."));
        if (metadata.OfType<TakesIfMatch>().Any())
            operation.Parameters.Add(Header("If-Match", "The ETag of the version that this change is meant for; a stale one is answered 412."));
        return Task.CompletedTask;
    }

    private static OpenApiParameter Header(string name, string description) => new()
    {
        Name = name,
        In = ParameterLocation.Header,
        Description = description,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
    };

    private static bool IsOpaque(Microsoft.AspNetCore.Mvc.ApiExplorer.ApiParameterDescription parameter) =>
        parameter.ParameterDescriptor is Microsoft.AspNetCore.Mvc.Infrastructure.IParameterInfoParameterDescriptor { ParameterInfo: { } info } && info.IsDefined(typeof(OpaqueAttribute), inherit: false);

    /// <summary>Says what our own JSON converters hide (texts, times, ids), and what the attributes of a request mean.</summary>
    private static Task Schema(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancel)
    {
        var type = context.ParameterDescription is { } parameter && parameter.Source != BindingSource.Body ? parameter.ParameterDescriptor.ParameterType : context.JsonTypeInfo.Type;
        var isNullable = context.JsonPropertyInfo?.IsGetNullable == true;
        if (type == typeof(RowId) || (context.ParameterDescription?.Name is "limit" or "cursor" && !IsOpaque(context.ParameterDescription)))
            (schema.Type, schema.Format, schema.Properties, schema.Description) = (JsonSchemaType.Integer, "int64", null, null);
        else if (type == typeof(string) || type == typeof(DateTime) || type == typeof(DateTime?))
            schema.Type = isNullable ? JsonSchemaType.String | JsonSchemaType.Null : JsonSchemaType.String;
        else if (schema.Type == JsonSchemaType.Array)
            schema.Items ??= new OpenApiSchema { Type = JsonSchemaType.String };

        var attributes = context.JsonPropertyInfo?.AttributeProvider?.GetCustomAttributes(inherit: true) ?? [];
        foreach (var attribute in attributes)
        {
            switch (attribute)
            {
                case NeededAttribute:
                    schema.Type &= ~JsonSchemaType.Null;
                    break;
                case TextAttribute text:
                    schema.MinLength = text.AllowEmpty ? 0 : 1;
                    schema.MaxLength = text.Max;
                    break;
                case EmailAttribute:
                    schema.Format = "email";
                    schema.MaxLength = 320;
                    break;
                case AllowedValuesAttribute allowed:
                    schema.Enum = [.. allowed.Values.OfType<string>().Select(value => JsonValue.Create(value)!)];
                    break;
                default:
                    break;
            }
        }

        return Task.CompletedTask;
    }
}

/// <summary>Marks a route that honours <c>If-Match</c>.</summary>
internal sealed record TakesIfMatch;

/// <summary>A cursor that is text of ours and no id.</summary>
[AttributeUsage(AttributeTargets.Parameter)]
internal sealed class OpaqueAttribute : Attribute;
