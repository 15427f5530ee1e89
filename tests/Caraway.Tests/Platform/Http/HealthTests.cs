using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Platform.Telemetry;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Http;

public sealed class HealthTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Theory]
    [InlineData("/health")]
    [InlineData("/health/ready")]
    public async Task The_health_answer_is_exactly_that_of_the_contract(string path)
    {
        var answer = await Ask(path);

        Assert.Equal(200, answer.Status);
        Assert.Equal(
            $$"""{"status":"oh yeah, we good","service":"caraway","version":"{{ProgramVersion.Text}}","database":"postgresql"}""",
            answer.Body);
        Assert.StartsWith("application/json", answer.Headers["Content-Type"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/health/live")]
    public async Task The_root_answers_the_services_name(string path)
    {
        var answer = await Ask(path);

        Assert.Equal((200, """{"status":"ok","service":"caraway"}"""), (answer.Status, answer.Body));
    }

    [Fact]
    public void The_version_is_the_programs_own() => Assert.Matches(@"^\d+\.\d+\.\d+$", ProgramVersion.Text);

    [Fact]
    public async Task The_service_has_the_name_of_the_setting()
    {
        await using var own = await OwnCaraway.Start(caraway.Database.Address, ("Server:ServiceName", "desk \"7\""));

        var answer = await CarawayFixture.Send(own.Client, HttpMethod.Get, "/health", null);

        Assert.Equal("desk \"7\"", answer.Json.GetProperty("service").GetString());
    }

    private Task<Answer> Ask(string path) => CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, path, null);
}
