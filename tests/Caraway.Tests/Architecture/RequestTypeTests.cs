using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Caraway.Platform.Http;
using Caraway.Tests.Infrastructure;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Caraway.Tests.Architecture;

public sealed class RequestTypeTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private List<Type> Types =>
        [.. caraway.Services.GetRequiredService<EndpointDataSource>().Endpoints
            .Select(endpoint => endpoint.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType).OfType<Type>().Distinct()];

    /// <summary>The framework's validation skips others without a word.</summary>
    [Fact]
    public void Every_type_that_a_body_is_read_into_is_public()
    {
        Assert.True(Types.Count >= 4, "The scan found too few types.");
        Assert.All(Types, type => Assert.True(type.IsPublic || type.IsNestedPublic, $"{type} is not public."));
    }

    [Fact]
    public void Every_text_of_a_request_has_a_longest_length()
    {
        var texts = Types.SelectMany(type => type.GetProperties()).Where(property => property.PropertyType == typeof(string)).ToList();

        Assert.NotEmpty(texts);
        Assert.All(
            texts,
            text => Assert.True(text.GetCustomAttributes().Any(Limits), $"{text.DeclaringType}.{text.Name} takes text of any length."));
    }

    [Fact]
    public void A_request_is_a_sealed_record_that_nobody_changes() =>
        Assert.All(Types, type =>
        {
            Assert.True(type.IsSealed, $"{type} is not sealed.");
            Assert.NotNull(type.GetMethod("<Clone>$"));
            Assert.All(type.GetProperties().Where(p => p.CanWrite), property => Assert.Contains(
                typeof(System.Runtime.CompilerServices.IsExternalInit), property.SetMethod!.ReturnParameter.GetRequiredCustomModifiers()));
        });

    private static bool Limits(Attribute attribute) =>
        attribute is ITextBounds or AllowedValuesAttribute or MaxLengthAttribute or StringLengthAttribute;
}
