using System.Text.Json;
using Caraway.Tests.Architecture;
using Caraway.Tests.Infrastructure;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Platform.Http;

public sealed class OpenApiTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task The_document_is_OpenAPI_3_1_and_open_to_all()
    {
        var answer = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/openapi.json", null);

        Assert.Equal(200, answer.Status);
        Assert.StartsWith("3.1.", answer.Json.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        Assert.Equal("Caraway", answer.Json.GetProperty("info").GetProperty("title").GetString());
        Assert.DoesNotContain("localhost", answer.Body, StringComparison.Ordinal);
    }

    /// <summary>CARAWAY_WRITE_DOCS=1 writes the file instead.</summary>
    [Fact]
    public async Task The_document_is_the_one_in_docs()
    {
        var path = Path.Combine(Checkout.Root, "docs", "openapi.json");
        var document = (await Document()).ReplaceLineEndings("\n").TrimEnd('\n') + "\n";
        if (Environment.GetEnvironmentVariable("CARAWAY_WRITE_DOCS") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await File.WriteAllTextAsync(path, document);
        }

        Assert.True(File.Exists(path), "docs/openapi.json is missing. Write it: CARAWAY_WRITE_DOCS=1 ./caraway test");
        Assert.Equal((await File.ReadAllTextAsync(path)).ReplaceLineEndings("\n"), document);
    }

    [Fact]
    public async Task Every_route_is_described()
    {
        using var document = JsonDocument.Parse(await Document());
        var described = Operations(document).Select(operation => $"{operation.Method} {operation.Path}").Order(StringComparer.Ordinal);
        var routes = caraway.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(route => route.Metadata.GetMetadata<Microsoft.AspNetCore.Routing.IExcludeFromDescriptionMetadata>()?.ExcludeFromDescription != true)
            .SelectMany(route => route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Select(method => $"{method} /{route.RoutePattern.RawText!.Trim('/')}") ?? [])
            .Where(route => route != "GET /openapi.json")
            .Order(StringComparer.Ordinal);

        Assert.Equal(routes, described);
    }

    [Fact]
    public async Task Every_refusal_is_described_as_a_problem()
    {
        using var document = JsonDocument.Parse(await Document());
        var refusals = Operations(document)
            .SelectMany(operation => operation.Body.GetProperty("responses").EnumerateObject().Select(response => (operation.Method, operation.Path, Response: response)))
            .Where(r => r.Response.Name.StartsWith('4'))
            .ToList();

        Assert.NotEmpty(refusals);
        Assert.All(refusals, r =>
        {
            var media = Assert.Single(r.Response.Value.GetProperty("content").EnumerateObject());
            Assert.Equal($"{r.Method} {r.Path} {r.Response.Name} application/problem+json", $"{r.Method} {r.Path} {r.Response.Name} {media.Name}");
            Assert.Equal("#/components/schemas/Problem", media.Value.GetProperty("schema").GetProperty("$ref").GetString());
        });
    }

    [Fact]
    public async Task Every_route_with_a_permission_names_it_and_its_401_and_403()
    {
        using var document = JsonDocument.Parse(await Document());
        var secured = Operations(document).Where(operation => operation.Body.TryGetProperty("security", out _)).ToList();

        Assert.Equal(11, secured.Count(operation => operation.Path.StartsWith("/cases", StringComparison.Ordinal) || operation.Path is "/intakes" || operation.Path.StartsWith("/internal", StringComparison.Ordinal)));
        Assert.All(secured, operation =>
        {
            Assert.Matches("Needs the permission `[a-z]+:[a-z_]+`", operation.Body.GetProperty("description").GetString());
            Assert.True(operation.Body.GetProperty("responses").TryGetProperty("401", out _));
            Assert.True(operation.Body.GetProperty("responses").TryGetProperty("403", out _));
        });
    }

    [Theory]
    [InlineData("/intakes", "post", "full_name", "case_id")]
    [InlineData("/cases", "get", null, "items")]
    [InlineData("/cases/{id}", "get", null, "allowed_transitions")]
    [InlineData("/cases/{id}", "patch", "assignee", "previous_status")]
    [InlineData("/cases/{id}/notes", "post", "author", "note_id")]
    [InlineData("/cases/{id}/documents", "post", "filename", "document_id")]
    public async Task A_route_is_described_with_its_own_shapes(string path, string method, string? sent, string answered)
    {
        using var document = JsonDocument.Parse(await Document());
        var operation = document.RootElement.GetProperty("paths").GetProperty(path).GetProperty(method);

        if (sent is not null)
            Assert.Contains(sent, Members(document, operation.GetProperty("requestBody")));
        Assert.Contains(answered, Members(document, operation.GetProperty("responses").EnumerateObject().First(response => response.Name.StartsWith('2')).Value));
    }

    [Fact]
    public async Task Every_member_of_a_shape_has_a_type()
    {
        using var document = JsonDocument.Parse(await Document());
        var members = document.RootElement.GetProperty("components").GetProperty("schemas").EnumerateObject()
            .SelectMany(schema => schema.Value.TryGetProperty("properties", out var properties) ? properties.EnumerateObject().Select(member => (schema.Name, Member: member)) : [])
            .ToList();

        Assert.NotEmpty(members);
        Assert.Empty(members.Where(m => !new[] { "type", "$ref", "oneOf", "anyOf", "allOf" }.Any(word => m.Member.Value.TryGetProperty(word, out _))).Select(m => $"{m.Name}.{m.Member.Name}"));
    }

    [Fact]
    public async Task The_page_answers_and_loads_nothing_from_elsewhere()
    {
        var front = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/docs", null);
        var page = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/docs/index.html", null);

        Assert.Contains(front.Status, new[] { 200, 301, 302 });
        Assert.Equal(200, page.Status);
        Assert.Contains("Caraway API", page.Body, StringComparison.Ordinal);
        Assert.DoesNotMatch("(src|href)=\"(https?:)?//", page.Body);
        Assert.DoesNotMatch("<script(?![^>]*src=)", page.Body);
    }

    private async Task<string> Document()
    {
        var answer = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/openapi.json", null);
        Assert.Equal(200, answer.Status);
        return answer.Body;
    }

    /// <summary>The members of the shape that a body's JSON has.</summary>
    private static IEnumerable<string> Members(JsonDocument document, JsonElement body)
    {
        var shape = body.GetProperty("content").GetProperty("application/json").GetProperty("schema");
        if (shape.TryGetProperty("$ref", out var reference))
            shape = document.RootElement.GetProperty("components").GetProperty("schemas").GetProperty(reference.GetString()!.Split('/')[^1]);
        return shape.GetProperty("properties").EnumerateObject().Select(member => member.Name);
    }

    private static IEnumerable<(string Method, string Path, JsonElement Body)> Operations(JsonDocument document) =>
        from path in document.RootElement.GetProperty("paths").EnumerateObject()
        from operation in path.Value.EnumerateObject()
        select (operation.Name.ToUpperInvariant(), path.Name, operation.Value);
}
