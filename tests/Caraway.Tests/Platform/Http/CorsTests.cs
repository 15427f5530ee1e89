using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Http;

public sealed class CorsTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Allow = "Access-Control-Allow-Origin";
    private const string Credentials = "Access-Control-Allow-Credentials";

    [Fact]
    public async Task An_allowed_origin_may_read_the_answer_with_credentials()
    {
        var answer = await caraway.Get("/cases", ("Origin", "https://desk.example"));

        Assert.Equal((200, "https://desk.example", "true"), (answer.Status, answer.Headers[Allow], answer.Headers[Credentials]));
        Assert.Contains("ETag", answer.Headers["Access-Control-Expose-Headers"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("http://desk.example")]
    [InlineData("https://desk.example.evil.example")]
    [InlineData("https://desk.example:8443")]
    [InlineData("null")]
    public async Task An_origin_that_is_not_listed_may_not_read_the_answer(string origin)
    {
        var answer = await caraway.Get("/cases", ("Origin", origin));

        Assert.False(answer.Headers.ContainsKey(Allow));
        Assert.False(answer.Headers.ContainsKey(Credentials));
    }

    [Fact]
    public async Task A_preflight_needs_no_credential()
    {
        var answer = await CarawayFixture.Send(
            caraway.Stranger, HttpMethod.Options, "/cases/1", null,
            ("Origin", "https://desk.example"),
            ("Access-Control-Request-Method", "PATCH"),
            ("Access-Control-Request-Headers", "x-api-key, if-match"));

        Assert.Equal((204, "https://desk.example"), (answer.Status, answer.Headers[Allow]));
        Assert.Contains("PATCH", answer.Headers["Access-Control-Allow-Methods"], StringComparison.Ordinal);
        Assert.Contains("x-api-key", answer.Headers["Access-Control-Allow-Headers"], StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("GET", "/cases", 401)]
    [InlineData("GET", "/nowhere", 404)]
    [InlineData("DELETE", "/cases", 405)]
    public async Task A_page_can_read_a_refusal(string method, string path, int status)
    {
        var answer = await CarawayFixture.Send(caraway.Stranger, new HttpMethod(method), path, null, ("Origin", "https://desk.example"));

        Assert.Equal(status, answer.Status);
        Assert.Equal("https://desk.example", answer.Headers.GetValueOrDefault(Allow));
    }

    [Theory]
    [InlineData("a body that is not JSON", 400)]
    [InlineData("{}", 422)]
    public async Task A_page_can_read_the_refusal_of_its_body(string body, int status)
    {
        var answer = await caraway.Post("/intakes", body, ("Origin", "https://desk.example"));

        Assert.Equal(status, answer.Status);
        Assert.Equal("https://desk.example", answer.Headers.GetValueOrDefault(Allow));
    }

    [Theory]
    [InlineData("*")]
    [InlineData("""["https://desk.example","*"]""")]
    public async Task A_star_never_allows_credentials(string setting)
    {
        await using var own = await OwnCaraway.Start(caraway.Database.Address, ("Server:CorsOrigins", setting));

        var answer = await CarawayFixture.Send(own.Client, HttpMethod.Get, "/cases", null, ("Origin", "https://any.example"));

        Assert.Equal((200, "*"), (answer.Status, answer.Headers[Allow]));
        Assert.False(answer.Headers.ContainsKey(Credentials));
    }

    [Fact]
    public async Task A_program_without_the_setting_allows_no_origin()
    {
        await using var own = await OwnCaraway.Start(caraway.Database.Address);

        var answer = await CarawayFixture.Send(own.Client, HttpMethod.Get, "/cases", null, ("Origin", "https://desk.example"));

        Assert.False(answer.Headers.ContainsKey(Allow));
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("  ", "")]
    [InlineData("https://a.example", "https://a.example")]
    [InlineData(" https://a.example , ,https://b.example,", "https://a.example|https://b.example")]
    [InlineData("[\"https://a.example\", \"https://b.example\"]", "https://a.example|https://b.example")]
    [InlineData("  []", "")]
    [InlineData("*", "*")]
    public void Origins_are_a_comma_list_or_a_JSON_list(string setting, string origins) =>
        Assert.Equal(origins, string.Join('|', Cors.Origins(setting)));

    [Theory]
    [InlineData("[")]
    [InlineData("[https://a.example]")]
    [InlineData("[1]")]
    [InlineData("[null]")]
    public void A_broken_list_stops_the_program_with_a_sentence(string setting)
    {
        var refusal = Assert.Throws<CommandException>(() => Cors.Origins(setting));

        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.Contains("CORS_ORIGINS", refusal.Message, StringComparison.Ordinal);
    }
}
