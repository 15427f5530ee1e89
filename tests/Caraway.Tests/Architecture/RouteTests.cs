using System.Reflection;
using Caraway.Platform.Http;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Architecture;

public sealed class RouteTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private IReadOnlyList<RouteEndpoint> Routes => [.. caraway.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()];

    [Fact]
    public void Every_route_needs_a_permission_or_is_on_this_list()
    {
        var open = Routes.Where(route => route.Metadata.GetMetadata<RequiredPermission>() is null).ToList();

        Assert.All(open, route => Assert.NotNull(route.Metadata.GetMetadata<IAllowAnonymous>()));
        Assert.Equal(
            ["/", "/health", "/health/live", "/health/ready", "/openapi.json", "/workflows", "/workflows/{name}"],
            open.Select(route => route.RoutePattern.RawText).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Routes_that_write_need_a_permission_to_write()
    {
        var writing = Routes.Where(route => route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Any(method => method != "GET") == true).ToList();

        Assert.NotEmpty(writing);
        Assert.All(writing, route => Assert.EndsWith(":write", route.Metadata.GetMetadata<RequiredPermission>()!.Name, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_body_is_a_public_record_whose_texts_have_a_limit()
    {
        var bodies = Routes.Select(route => route.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType).OfType<Type>().Distinct().ToList();

        Assert.InRange(bodies.Count, 4, 1000);
        foreach (var body in bodies)
        {
            // The framework's validator silently skips what is not public.
            Assert.True(body.IsNestedPublic || body.IsPublic, $"{body} is not public, so it is not validated.");
            foreach (var text in body.GetProperties().Where(property => property.PropertyType == typeof(string)))
            {
                var attributes = text.GetCustomAttributes().ToList();
                Assert.True(
                    attributes.Any(a => a is TextAttribute or EmailAttribute or System.ComponentModel.DataAnnotations.AllowedValuesAttribute),
                    $"{body}.{text.Name} has no limit.");
            }
        }
    }

    [Fact]
    public async Task A_stranger_gets_401_on_every_other_route()
    {
        var closed = Routes.Where(route => route.Metadata.GetMetadata<RequiredPermission>() is not null).ToList();

        Assert.InRange(closed.Count, 9, 1000);
        foreach (var route in closed)
        {
            var path = string.Concat("/", string.Join('/', route.RoutePattern.PathSegments.Select(segment => segment.Parts[0] is Microsoft.AspNetCore.Routing.Patterns.RoutePatternLiteralPart literal ? literal.Content : "1")));
            foreach (var method in route.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods)
            {
                var answer = await CarawayFixture.Send(caraway.Stranger, new HttpMethod(method), path, method == "GET" ? null : "{}");
                Assert.Equal("Invalid or missing API key", answer.IsProblem(401, "api_key_required").Detail);
            }
        }
    }
}
