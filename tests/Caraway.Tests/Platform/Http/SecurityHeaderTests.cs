using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Http;

public sealed class SecurityHeaderTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Theory]
    [InlineData("/cases", 200)]
    [InlineData("/health", 200)]
    [InlineData("/openapi.json", 200)]
    [InlineData("/nowhere", 404)]
    [InlineData("/cases?limit=x", 422)]
    [InlineData("/intakes", 405)]
    public async Task Every_answer_keeps_patients_data_out_of_caches_frames_and_referrers(string path, int status)
    {
        var answer = await caraway.Get(path);

        Assert.Equal(status, answer.Status);
        Assert.Equal("no-store", answer.Headers["Cache-Control"]);
        Assert.Equal("nosniff", answer.Headers["X-Content-Type-Options"]);
        Assert.Equal("DENY", answer.Headers["X-Frame-Options"]);
        Assert.Equal("default-src 'none'; frame-ancestors 'none'", answer.Headers["Content-Security-Policy"]);
        Assert.Equal("no-referrer", answer.Headers["Referrer-Policy"]);
        Assert.NotEqual("", answer.Headers["X-Request-Id"]);
        Assert.False(answer.Headers.ContainsKey("Server"));
    }

    [Theory]
    [InlineData("no JSON", 400)]
    [InlineData("[]", 422)]
    [InlineData("{}", 422)]
    public async Task A_refused_body_gets_the_same_headers(string body, int status)
    {
        var answer = await caraway.Post("/intakes", body, ("X-Request-Id", "desk-1"));

        Assert.Equal(status, answer.Status);
        Assert.Equal(
            ("desk-1", "no-store", "nosniff", "DENY", "no-referrer"),
            (
                Header(answer, "X-Request-Id"),
                Header(answer, "Cache-Control").Split(',')[0],
                Header(answer, "X-Content-Type-Options"),
                Header(answer, "X-Frame-Options"),
                Header(answer, "Referrer-Policy")));
    }

    [Fact]
    public async Task A_refused_stranger_gets_the_same_headers()
    {
        var answer = await CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, "/cases", null);

        Assert.Equal(
            (401, "no-store", "nosniff"), (answer.Status, answer.Headers["Cache-Control"], answer.Headers["X-Content-Type-Options"]));
    }

    [Fact]
    public async Task The_API_page_may_load_its_own_files_and_no_others()
    {
        var policy = (await caraway.Get("/docs/index.html")).Headers["Content-Security-Policy"];

        Assert.Contains("default-src 'self'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe-eval", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("script-src", policy, StringComparison.Ordinal);
    }

    private static string Header(Answer answer, string name) => answer.Headers.GetValueOrDefault(name, "");
}
