using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Http;

public sealed class RequestIdTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    public static TheoryData<string> Insane =>
        new("", " ", "a b", "a\tb", "<script>", "a\"b", "a,b", "é", "a/b", "{{7*7}}", new string('x', 129));

    [Theory]
    [InlineData("a")]
    [InlineData("desk-7:2026.01_31")]
    [InlineData("0af7651916cd43dd8448eb211c80319c")]
    public async Task A_valid_id_is_echoed(string id)
    {
        Assert.Equal(id, (await caraway.Get("/health", ("X-Request-Id", id))).Headers["X-Request-Id"]);
        Assert.Equal(id, (await caraway.Get("/nowhere", ("X-Request-Id", id))).Json.GetProperty("traceId").GetString());
    }

    [Fact]
    public async Task An_id_of_128_characters_is_valid()
    {
        var id = new string('x', 128);

        Assert.Equal(id, (await caraway.Get("/health", ("X-Request-Id", id))).Headers["X-Request-Id"]);
    }

    [Theory]
    [MemberData(nameof(Insane))]
    public async Task An_invalid_id_is_replaced(string id)
    {
        var answer = await RawHttp.Send(caraway.Url, "GET /nowhere", $"X-Request-Id: {id}");

        Assert.Matches("^[0-9a-f]{32}$", answer.Headers["X-Request-Id"]);
        Assert.Equal(answer.Headers["X-Request-Id"], answer.Json.GetProperty("traceId").GetString());
    }

    [Fact]
    public async Task Two_ids_are_replaced_by_a_new_one()
    {
        var answer = await RawHttp.Send(caraway.Url, "GET /health", "X-Request-Id: one", "X-Request-Id: two");

        Assert.Matches("^[0-9a-f]{32}$", answer.Headers["X-Request-Id"]);
    }

    [Fact]
    public async Task Each_request_without_an_id_gets_its_own() =>
        Assert.NotEqual((await caraway.Get("/health")).Headers["X-Request-Id"], (await caraway.Get("/health")).Headers["X-Request-Id"]);

    [Fact]
    public async Task The_audit_trail_has_the_id()
    {
        await caraway.Post("/intakes", """{"full_name":"Ada","narrative":"Denied."}""", ("X-Request-Id", "desk-42"));

        Assert.Equal(1L, await caraway.Database.Scalar<long>("select count(*) from platform.events where request_id = 'desk-42'"));
    }
}
