using System.Text;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

/// <summary>The credentials that each address of Advocacy accepts.</summary>
public sealed class CredentialTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Intake = """{"full_name":"Ada","narrative":"Denied."}""";

    public static TheoryData<string, string, string?> Endpoints => new()
    {
        { "POST", "/intakes", Intake },
        { "GET", "/cases", null },
        { "GET", "/cases/1", null },
        { "PATCH", "/cases/1", """{"status":"CLOSED"}""" },
        { "POST", "/cases/1/notes", """{"author":"Bo","body":"Called."}""" },
        { "GET", "/cases/1/notes", null },
        { "POST", "/cases/1/documents", """{"filename":"letter.pdf"}""" },
        { "GET", "/cases/1/documents", null },
        { "POST", "/internal/documents/1/process", null },
    };

    [Theory, MemberData(nameof(Endpoints))]
    public async Task A_request_without_a_known_key_is_401(string method, string path, string? body)
    {
        const string good = CarawayFixture.ApiKey;
        foreach (var key in new[] { null, "", " ", "wrong", good + "x", good.ToUpperInvariant(), good[..^1], new string('k', 5000) })
        {
            (string, string)[] headers = key is null ? [] : [("X-API-Key", key)];
            var answer = await caraway.WritesNothing(
                () => CarawayFixture.Send(caraway.Stranger, new HttpMethod(method), path, body, headers));

            answer.IsProblem(401, "api_key_required");
            Assert.Equal("Invalid or missing API key", answer.Detail);
            Assert.Contains("WWW-Authenticate", answer.Headers.Keys);
        }
    }

    [Theory, MemberData(nameof(Endpoints))]
    public async Task A_bad_request_without_a_key_is_told_only_that_the_key_is_missing(string method, string path, string? body)
    {
        var odd = path.Replace("1", "none", StringComparison.Ordinal) + "?limit=abc";

        var answer = await CarawayFixture.Send(caraway.Stranger, new HttpMethod(method), odd, body is null ? null : "{not json");

        answer.IsProblem(401, "api_key_required");
    }

    [Theory]
    [InlineData("schlüssel")]
    [InlineData("test-key-0123456789é")]
    [InlineData("钥匙")]
    public async Task A_key_that_is_not_ASCII_is_refused_like_any_other(string key)
    {
        using var handler = new SocketsHttpHandler { RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8 };
        using var client = new HttpClient(handler) { BaseAddress = caraway.Url };

        var answer = await CarawayFixture.Send(client, HttpMethod.Get, "/cases", null, ("X-API-Key", key));

        answer.IsProblem(401, "api_key_required");
        Assert.Equal("Invalid or missing API key", answer.Detail);
    }

    [Fact]
    public async Task The_right_key_together_with_a_wrong_one_is_refused()
    {
        var answer = await caraway.Get("/cases", ("X-API-Key", "wrong"));

        answer.IsProblem(401, "api_key_required");
    }

    [Fact]
    public async Task The_key_in_the_query_or_as_a_bearer_token_is_refused()
    {
        var query = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, $"/cases?api_key={CarawayFixture.ApiKey}", null);
        var bearer = await CarawayFixture.Send(
            caraway.Stranger, HttpMethod.Get, "/cases", null, ("Authorization", "Bearer " + CarawayFixture.ApiKey));

        query.IsProblem(401, "api_key_required");
        bearer.IsProblem(401, "invalid_token");
    }

    [Theory]
    [InlineData("DELETE", "/cases/1")]
    [InlineData("PUT", "/cases/1")]
    [InlineData("GET", "/intakes")]
    [InlineData("POST", "/cases")]
    [InlineData("PATCH", "/cases/1/notes")]
    [InlineData("DELETE", "/cases/1/documents")]
    [InlineData("GET", "/internal/documents/1/process")]
    public async Task An_unknown_method_is_405(string method, string path)
    {
        var answer = await caraway.WritesNothing(() => caraway.Send(new HttpMethod(method), path));

        answer.IsProblem(405, "method_not_allowed");
    }
}
