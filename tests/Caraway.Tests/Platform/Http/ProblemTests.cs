using Caraway.Platform.Http;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Http;

public sealed class ProblemTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Theory]
    [InlineData("GET", "/nowhere")]
    [InlineData("POST", "/nowhere/at/all")]
    [InlineData("GET", "/cases/1/nothing")]
    [InlineData("GET", "/health/x")]
    [InlineData("GET", "/%F0%9F%8C%BF")]
    public async Task An_unknown_address_is_not_found(string method, string path)
    {
        var answer = (await caraway.Send(new HttpMethod(method), path)).IsProblem(404, "not_found");

        Assert.Equal("There is nothing at this address.", answer.Detail);
    }

    [Fact]
    public async Task A_problem_has_only_the_members_of_RFC_9457_and_our_own()
    {
        var answer = (await caraway.Get("/nowhere")).IsProblem(404, "not_found");

        Assert.Equal(["type", "title", "status", "detail", "code", "traceId"], answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal("about:blank", answer.Json.GetProperty("type").GetString());
        Assert.Equal("Not Found", answer.Json.GetProperty("title").GetString());
        Assert.Equal(answer.Headers["X-Request-Id"], answer.Json.GetProperty("traceId").GetString());
    }

    [Theory]
    [InlineData("DELETE", "/cases", "GET")]
    [InlineData("PUT", "/cases/1", "GET, PATCH")]
    [InlineData("GET", "/intakes", "POST")]
    [InlineData("POST", "/health", "GET")]
    [InlineData("PATCH", "/cases/1/notes", "GET, POST")]
    [InlineData("GET", "/internal/documents/1/process", "POST")]
    public async Task An_unknown_method_is_405_with_the_known_ones(string method, string path, string allowed)
    {
        var answer = (await caraway.Send(new HttpMethod(method), path)).IsProblem(405, "method_not_allowed");

        Assert.Equal(allowed.Split(", "), answer.Headers["Allow"].Split(", ").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_request_without_a_credential_is_401_with_a_challenge()
    {
        var answer = (await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/cases", null)).IsProblem(401, "api_key_required");

        Assert.Equal("Invalid or missing API key", answer.Detail);
        Assert.StartsWith("Bearer", answer.Headers["WWW-Authenticate"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Several_refused_values_are_named_each_by_its_pointer()
    {
        var answer = (await caraway.Post("/intakes", """{"full_name":" ","email":"zq-secret"}""")).IsProblem(422, "invalid");

        Assert.Equal(["#/email", "#/full_name", "#/narrative"], answer.Pointers.Order(StringComparer.Ordinal));
        Assert.All(
            answer.Json.GetProperty("errors").EnumerateArray(),
            error => Assert.EndsWith(".", error.GetProperty("detail").GetString(), StringComparison.Ordinal));
        Assert.DoesNotContain("zq-secret", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Text_for_people_is_not_escaped()
    {
        var id = await caraway.OpenCase();

        var answer = (await caraway.Patch($"/cases/{id}", """{"status":"APPROVED"}""")).IsProblem(409, "invalid_transition");

        Assert.Contains("\"Invalid status transition NEW -> APPROVED\"", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_trailing_slash_makes_no_difference()
    {
        Assert.Equal(200, (await caraway.Get("/cases/")).Status);
        Assert.Equal(200, (await caraway.Get("/health/")).Status);
        (await caraway.Get("/cases/0/notes/")).IsProblem(404, "case_not_found");
    }

    [Theory]
    [InlineData("FullName", "#/full_name")]
    [InlineData("Procedures[0].Amount", "#/procedures/0/amount")]
    [InlineData("$.full_name", "#/full_name")]
    [InlineData("$", "#")]
    [InlineData("$['a/b~c']", "#/a~1b~0c")]
    public void A_validators_path_becomes_a_JSON_pointer(string path, string pointer) => Assert.Equal(pointer, Problems.Pointer(path));
}
