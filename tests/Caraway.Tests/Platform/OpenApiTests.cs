using System.Text.Json;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform;

public sealed class OpenApiTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private static string Document => Path.Combine(Checkout.Root, "docs", "openapi.json");

    [Fact]
    public async Task The_document_is_the_one_in_docs()
    {
        var served = (await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/openapi.json", null)).Body.ReplaceLineEndings("\n").TrimEnd() + "\n";
        if (Environment.GetEnvironmentVariable("CARAWAY_WRITE_DOCS") == "1")
            await File.WriteAllTextAsync(Document, served);

        Assert.True(await File.ReadAllTextAsync(Document) == served, "docs/openapi.json is not what is served. Write it anew: CARAWAY_WRITE_DOCS=1 ./caraway test -class Caraway.Tests.Platform.OpenApiTests");
    }

    [Fact]
    public async Task It_is_OpenAPI_31_and_every_refusal_in_it_is_a_problem()
    {
        var json = (await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/openapi.json", null)).Json;

        Assert.StartsWith("3.1.", json.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        var operations = json.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject()).ToList();
        Assert.InRange(operations.Count, 15, 1000);
        var refusals = operations.SelectMany(operation => operation.Value.GetProperty("responses").EnumerateObject()).Where(response => response.Name[0] == '4').ToList();
        Assert.NotEmpty(refusals);
        Assert.All(refusals, refusal => Assert.Equal(
            "#/components/schemas/Problem",
            refusal.Value.GetProperty("content").GetProperty("application/problem+json").GetProperty("schema").GetProperty("$ref").GetString()));
        Assert.All(operations, operation => Assert.False(string.IsNullOrEmpty(operation.Value.GetProperty("summary").GetString())));
    }

    [Fact]
    public async Task Every_reference_in_it_leads_somewhere()
    {
        var text = (await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/openapi.json", null)).Body;
        var schemas = JsonDocument.Parse(text).RootElement.GetProperty("components").GetProperty("schemas");
        var references = text.Split("#/components/schemas/").Skip(1).Select(rest => rest[..rest.IndexOf('"', StringComparison.Ordinal)]).Distinct(StringComparer.Ordinal).ToList();

        Assert.InRange(references.Count, 10, 1000);
        Assert.All(references, name => Assert.True(schemas.TryGetProperty(name, out _), name));
    }

    [Fact]
    public async Task Its_page_answers()
    {
        var page = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/docs/index.html", null);

        Assert.Equal(200, page.Status);
        Assert.StartsWith("text/html", page.Headers["Content-Type"], StringComparison.Ordinal);
        Assert.Contains("default-src 'self'", page.Headers["Content-Security-Policy"], StringComparison.Ordinal);
        Assert.Equal("docs/index.html", (await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/docs", null)).Headers["Location"]);
    }
}
