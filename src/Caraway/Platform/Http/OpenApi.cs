using System.Collections.Frozen;
using System.Text.Json.Nodes;
using Caraway.Platform.Hosting;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Caraway.Platform.Http;

/// <summary>The OpenAPI 3.1 document at <c>/openapi.json</c>, generated from the routes, and its page at <c>/docs</c>.</summary>
internal static class OpenApi
{
    /// <summary>The scheme of access tokens; the page signs in with it.</summary>
    internal const string Bearer = "Bearer";

    internal const string ApiKey = "ApiKey";

    /// <summary>The name of the schema and of the one response that all refusals share.</summary>
    internal const string Problem = "Problem";

    // The page breaks a line where this text does, so a paragraph is one line.
    private const string Introduction =
        "One program for the desks around a patient.\n\n"
        + "**To try it here**, choose *Authorize*. Under *Bearer*, sign in with an e-mail address and a password, and leave the client "
        + "fields empty. Under *ApiKey*, paste a key. The example bodies work unchanged on a fresh instance, from the top of the page to "
        + "its end: the first registration makes user 2, a patient, and the second makes user 3, a doctor.\n\n"
        + "**Errors** are RFC 9457 problems. `detail` is for people and `code` is for programs; docs/api/README.md lists every code.";

    private const string ProblemExample = """
        {
          "type": "about:blank", "title": "Unprocessable Entity", "status": 422, "detail": "This is required.", "code": "invalid",
          "traceId": "5f0c9a3be1d24c7f0000000000000007", "errors": [{"pointer": "#/full_name", "detail": "This is required."}]
        }
        """;

    public static void Add(IServiceCollection services) => services.AddSingleton<OpenApiFile>().AddOpenApi(options =>
    {
        options.CreateSchemaReferenceId = type => (OpenApiOptions.CreateDefaultSchemaReferenceId(type), type.Type) switch
        {
            (null, _) => null,
            (_, var id) when id == typeof(RowId) || id.IsAssignableTo(typeof(ITextId)) => null,
            // A use case's records are nested in it, so their bare names (Request, Response) would collide.
            (_, { IsNested: true } nested) => NameOf(nested),
            (var name, _) => name,
        };
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.AddDocumentTransformer(DescribeDocument);
        options.AddOperationTransformer(DescribeOperation.Transform);
        options.AddSchemaTransformer(DescribeSchema.Transform);
    });

    /// <summary>Use cases of two modules can have one name, such as ListCases. Their schemas then begin with the module's name.</summary>
    private static string NameOf(Type nested)
    {
        var useCase = nested.DeclaringType!;
        var name = useCase.Name + nested.Name;
        return useCase.Namespace is { } space && SharedNames.Value.Contains(useCase.Name)
            ? space[(space.LastIndexOf('.') + 1)..] + name
            : name;
    }

    private static readonly Lazy<FrozenSet<string>> SharedNames = new(() => typeof(OpenApi).Assembly.GetTypes()
        .Where(type => type is { IsNested: false, Namespace: not null })
        .GroupBy(type => type.Name, StringComparer.Ordinal)
        .Where(types => types.Select(type => type.Namespace).Distinct(StringComparer.Ordinal).Count() > 1)
        .Select(types => types.Key)
        .ToFrozenSet(StringComparer.Ordinal));

    public static void MapOpenApiPage(this WebApplication app)
    {
        app.MapGet("/openapi.json", app.Services.GetRequiredService<OpenApiFile>().Handle).AllowAnonymous().ExcludeFromDescription();
        // A branch for its own addresses, so that no other request passes through this middleware.
        app.UseWhen(
            context => context.Request.Path.StartsWithSegments("/docs", StringComparison.OrdinalIgnoreCase),
            docs => docs.UseSwaggerUI(page =>
            {
                page.RoutePrefix = "docs";
                page.SwaggerEndpoint("/openapi.json", "Caraway");
                page.DocumentTitle = "Caraway API";
            }));
    }

    private static Task DescribeDocument(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancel)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Caraway",
            Version = ProgramVersion.Text,
            Description = Introduction,
            License = new OpenApiLicense { Name = "MIT", Identifier = "MIT" },
        };
        // The framework names the address of the first request; the paths hold for every address.
        document.Servers = [new OpenApiServer { Url = "/" }];
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
        {
            [Bearer] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.OAuth2,
                Description = "An access token of POST /api/v1/login.",
                Flows = new OpenApiOAuthFlows
                {
                    Password = new OpenApiOAuthFlow
                    {
                        TokenUrl = new Uri("/api/v1/login", UriKind.Relative),
                        Scopes = new Dictionary<string, string>(StringComparer.Ordinal),
                    },
                },
            },
            [ApiKey] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                Description = "A key of another system.",
                In = ParameterLocation.Header,
                Name = "X-API-Key",
            },
        };
        document.Components.Responses = new Dictionary<string, IOpenApiResponse>(StringComparer.Ordinal)
        {
            [Problem] = new OpenApiResponse
            {
                Description = "The request was refused or failed. Every operation can also answer 429, 500 and 503.",
                Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
                {
                    ["application/problem+json"] = new OpenApiMediaType
                    {
                        Schema = new OpenApiSchemaReference(Problem, document),
                        Example = JsonNode.Parse(ProblemExample),
                    },
                },
            },
        };
        return Task.CompletedTask;
    }
}
